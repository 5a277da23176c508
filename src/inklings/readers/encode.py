"""Images in memory as the bytes of a file, from which their reader gives back the same samples."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.errors import DataError
from inklings.readers.image import Image
from inklings.readers.nifti import nifti_bytes
from inklings.readers.pyramid import Pyramid


def encoded(image: Image) -> tuple[bytes, str]:
    """The whole of an image, and the suffix of its file.

    Pictures of 8 bits (grey or red, green, blue) and grey ones of 16 become PNG, others ``.npy``;
    volumes become NIfTI, on their grid. No format of pictures holds the spacing.

    Raises:
        DataError: If it is a slide, a volume of several channels or of unknown spacing, or holds
            whole numbers of more than 32 bits.
    """
    if isinstance(image, Pyramid):
        raise DataError("expected a picture or a volume in memory, got a slide; give its file")
    samples = image.read(image.geometry.full)
    if samples.ndim == 4:
        return _volume(samples, image), ".nii"
    stream = io.BytesIO()
    plain = samples.dtype == np.uint8 and len(samples) in (1, 3)
    if plain or (samples.dtype == np.uint16 and len(samples) == 1):
        shown = samples[0] if len(samples) == 1 else np.moveaxis(samples, 0, -1)
        Pillow.fromarray(np.ascontiguousarray(shown)).save(stream, "PNG", compress_level=1)
        return stream.getvalue(), ".png"
    np.save(stream, samples, allow_pickle=False)
    return stream.getvalue(), ".npy"


def _volume(samples: NDArray[Any], image: Image) -> bytes:
    if len(samples) != 1:
        raise DataError(
            f"expected a volume of one channel, got {len(samples)}; give each channel by its "
            "name: {'t1': array, 'flair': array}"
        )
    if image.geometry.spacing is None:
        raise DataError(
            f"expected the spacing of a volume of shape {samples.shape[1:]}, got none; give "
            "spacing_mm=(z, y, x), or its geometry"
        )
    return nifti_bytes(_storable(samples[0]), image.geometry)


def _storable(samples: NDArray[Any]) -> NDArray[Any]:
    """In a type that NIfTI has, without changing a number."""
    if samples.dtype.kind == "b":
        return samples.astype(np.uint8)
    if samples.dtype.kind == "f" and samples.dtype.itemsize not in (4, 8):
        return samples.astype(np.float32 if samples.dtype.itemsize < 4 else np.float64)
    if samples.dtype.kind in "iu" and samples.dtype.itemsize > 4:
        small = samples.astype(np.int32)
        if not np.array_equal(small, samples):
            raise DataError(
                f"expected whole numbers of at most 32 bits, got {samples.dtype} up to "
                f"{samples.max()}; convert the array"
            )
        return small
    return samples.astype(samples.dtype.newbyteorder("="), copy=False)
