"""Volumes and what lies over them, as NIfTI that the page can show."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.errors import DataError, GeometryError
from inklings.geometry import Geometry
from inklings.readers.image import Image
from inklings.viewer.cache import Cache
from inklings.viewer.layers import UNKNOWN, Layer, Layers
from inklings.viewer.pictures import PictureTiles, jpeg, window_of

_LPS = np.diag([-1.0, -1.0, 1.0])
_LEVEL = 1  # of gzip: the page is on the same machine
MOST = 600_000_000
"""Bytes of a volume that a browser can be expected to hold; larger ones are made coarser."""
FEW = 24_000_000
"""The same where no graphics card draws them."""


class Volumes:
    """Volumes of cases as streams."""

    def __init__(self, pictures: PictureTiles, layers: Layers, cache: Cache) -> None:
        self._pictures, self._layers, self._cache = pictures, layers, cache

    def image(self, case: Case, name: str, most: int = MOST) -> bytes:
        """One of the images of a case as ``.nii.gz``; coarser where it has over ``most`` bytes."""

        def make() -> tuple[bytes, int]:
            opened = self._pictures.image(case, name)
            _require_volume(case, opened)
            view = _fitting(opened, most)
            samples = view.read(view.geometry.full)[0]
            data = nifti(_narrow(samples), view.geometry)
            return data, len(data)

        return self._cache.get(("nifti", case.id, name, most), make)

    def layer(self, case: Case, name: str, most: int = MOST) -> bytes:
        """A layer as ``.nii.gz``, on the grid of its image as `image` sends it."""

        def make() -> tuple[bytes, int]:
            layer: Layer = self._layers.layer(case, name)
            opened = self._pictures.image(case)
            _require_volume(case, opened)
            numbers = self._layers.dense(case, layer)
            if layer.kind == "codes":
                numbers = np.where(numbers == UNKNOWN, 0, numbers)
            if numbers.shape != opened.geometry.shape:
                raise GeometryError(
                    f"case {case.id}: expected a layer of shape {opened.geometry.shape}, got "
                    f"{numbers.shape}; it was made from another image"
                )
            grid = _fitting(opened, most).geometry
            data = nifti(_picked(numbers, grid.shape), grid)
            return data, len(data)

        return self._cache.get(("nifti", case.id, "layer", name, most), make)

    def thumbnail(self, case: Case, side: int) -> bytes:
        """The middle plane as a JPEG, its longer side ``side``."""

        def make() -> tuple[bytes, int]:
            opened = self._pictures.image(case)
            _require_volume(case, opened)
            z, y, x = opened.geometry.shape
            view = opened.shrunk(max(1.0, max(y, x) / side))
            z, y, x = view.geometry.shape
            middle = view.geometry.full
            region = type(middle)((z // 2, 0, 0), (1, y, x))
            plane = view.read(region)[0, 0].astype(np.float32)
            if opened.channels == ("HU",):
                low, high = -160.0, 240.0
            else:
                low, high = window_of(plane[None]) or (0.0, 255.0)
            grey = np.clip((plane - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
            data = jpeg(np.repeat(grey[..., None], 3, 2))
            return data, len(data)

        return self._cache.get(("thumbnail", case.id, side), make)


def nifti(array: NDArray[Any], geometry: Geometry) -> bytes:
    """``array (Z, Y, X)`` at its place in the patient, compressed."""
    spacing = geometry.spacing or (1.0, 1.0, 1.0)
    placed = Geometry(geometry.shape, spacing, geometry.origin, geometry.direction)
    affine = np.eye(4)
    affine[:3, :3] = _LPS @ (placed.axes * np.array(spacing[::-1]))
    affine[:3, 3] = _LPS @ placed.to_points((0, 0, 0))
    image = nibabel.Nifti1Image(np.ascontiguousarray(array).transpose(2, 1, 0), affine)
    image.set_data_dtype(array.dtype)
    image.header.set_xyzt_units("mm")
    return gzip.compress(image.to_bytes(), _LEVEL, mtime=0)


def millimetres(geometry: Geometry, index_zyx: Sequence[float]) -> tuple[float, float, float]:
    """Where a sample lies for the page, which counts to the right, to the front and upwards."""
    spacing = geometry.spacing or (1.0, 1.0, 1.0)
    placed = Geometry(geometry.shape, spacing, geometry.origin, geometry.direction)
    x, y, z = (_LPS @ placed.to_points(index_zyx)).tolist()
    return x, y, z


def to_samples(geometry: Geometry) -> list[list[float]]:
    """Rows of the matrix that takes ``(x, y, z, 1)`` of the page to an index in array order."""
    zero, *ends = (
        np.asarray(millimetres(geometry, corner), np.float64)
        for corner in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
    )
    steps = np.stack([end - zero for end in ends], 1)
    back = np.linalg.inv(steps)
    rows: list[list[float]] = np.column_stack([back, -back @ zero]).tolist()
    return rows


def _fitting(image: Image, most: int) -> Image:
    size = float(np.prod(image.geometry.shape)) * 4
    return image if size <= most else image.shrunk((size / most) ** (1 / 3))


def _picked(numbers: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The nearest samples on a coarser grid of the same extent."""
    places = [
        ((np.arange(m) + 0.5) * n / m).astype(int)
        for m, n in zip(shape, numbers.shape, strict=True)
    ]
    return numbers[np.ix_(*places)] if shape != numbers.shape else numbers


def _narrow(samples: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers in as few bytes as hold them: the page reads all of these."""
    if samples.dtype.kind in "iub":
        low, high = int(samples.min(initial=0)), int(samples.max(initial=0))
        for name in ("uint8", "int16", "uint16", "int32"):
            kind = np.dtype(name)
            limits = np.iinfo(kind)
            if limits.min <= low and high <= limits.max:
                return samples.astype(kind)
    return samples.astype(np.float32)


def _require_volume(case: Case, image: Image) -> None:
    if len(image.geometry.shape) != 3:
        raise DataError(f"case {case.id}: expected a volume, got {image.geometry.shape}")
