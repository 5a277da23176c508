"""NIfTI volumes, read and written; their RAS axes become DICOM's LPS."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.files import written
from inklings.geometry import Geometry
from inklings.readers.choice import ANY, Choice
from inklings.readers.notes import Note
from inklings.readers.volume import Volume

_LPS = np.diag([-1.0, -1.0, 1.0])
_UNIT_MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
_ERRORS = (OSError, ValueError, EOFError, zlib.error, struct.error, KeyError, TypeError)


class NiftiReader:
    """``.nii``, ``.nii.gz``, and ``.hdr`` with ``.img``."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """By the magic word, which a compressed file hides: then by the name."""
        if path.name.lower().endswith((".nii", ".nii.gz")):
            return True
        return head[344:348] in (b"n+1\0", b"ni1\0")

    def open(self, path: Path, choice: Choice = ANY) -> Volume:
        """Read the header.

        Raises:
            ReaderError: If it is damaged, or of more axes than three and channels.
        """
        choice.only(path)
        import nibabel
        from nibabel.filebasedimages import ImageFileError

        try:
            image: Any = nibabel.load(path)
            shape, affine = image.shape, np.asarray(image.affine, float)
        except (*_ERRORS, ImageFileError) as error:
            raise ReaderError(
                f"{path}: damaged NIfTI file ({' '.join(str(error).split())}); copy it again"
            ) from None
        if len(shape) < 3 or (len(shape) > 4 and any(n > 1 for n in shape[4:])):
            raise ReaderError(f"{path}: expected a volume of three axes, got shape {shape}")
        depth, fields = shape[2], 1 if len(shape) == 3 else shape[3]

        def planes(start: int, stop: int) -> NDArray[Any]:
            try:
                return _samples(image, start, stop, whole=stop - start == depth)
            except _ERRORS as error:
                raise ReaderError(
                    f"{path}: truncated or damaged NIfTI file "
                    f"({' '.join(str(error).split())}); copy it again"
                ) from None

        unit = _UNIT_MM.get(image.header.get_xyzt_units()[0], 1.0)
        names = ("grey",) if fields == 1 else tuple(map(str, range(fields)))
        return Volume(path, _geometry(path, shape, affine, unit), names, planes, _notes(image))


def _geometry(path: Path, shape: tuple[int, ...], affine: NDArray[Any], unit: float) -> Geometry:
    matrix = _LPS @ affine[:3, :3] * unit
    mm = np.linalg.norm(matrix, axis=0)
    if not (mm > 0).all() or abs(np.linalg.det(matrix / np.maximum(mm, 1e-12))) < 1e-3:
        raise ReaderError(f"{path}: expected axes that span a volume, got {affine[:3].tolist()}")
    origin = _LPS @ affine[:3, 3] * unit
    return Geometry(
        (shape[2], shape[1], shape[0]),
        (float(mm[2]), float(mm[1]), float(mm[0])),
        tuple(origin.tolist()),
        tuple(tuple(row) for row in (matrix / mm).tolist()),
        frame=path.name,
    )


def _notes(image: Any) -> tuple[Note, ...]:
    header = image.header
    if "sform_code" in header and int(header["sform_code"]) == int(header["qform_code"]) == 0:
        text = "the file says its spacing, but not where it lies in the patient"
        return (Note("geometry", text),)
    return ()


def _samples(image: Any, start: int, stop: int, whole: bool) -> NDArray[Any]:
    stored = (
        np.asanyarray(image.dataobj) if whole else np.asanyarray(image.dataobj[:, :, start:stop])
    )
    if stored.dtype.names:  # colours
        stored = np.stack([stored[name] for name in stored.dtype.names], axis=3)
    stored = stored.reshape(*stored.shape[:3], -1)
    array = np.ascontiguousarray(stored.transpose(3, 2, 1, 0))
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    if array.dtype in (np.int64, np.uint64) and np.abs(array).max(initial=0) < 2**31:
        array = array.astype(np.int32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def write_nifti(path: Path, array: NDArray[Any], geometry: Geometry) -> None:
    """Write ``array (Z, Y, X)`` as ``.nii`` or ``.nii.gz``, atomically.

    The same array gives the same bytes: no time of writing is stored.
    """
    import nibabel

    affine = np.eye(4)
    columns = geometry.axes * np.array(geometry.require_spacing()[::-1])
    affine[:3, :3] = _LPS @ columns
    affine[:3, 3] = _LPS @ geometry.to_points((0, 0, 0))
    image = nibabel.Nifti1Image(np.ascontiguousarray(array).transpose(2, 1, 0), affine)
    image.set_data_dtype(array.dtype)
    image.set_sform(affine, 1)
    # A quaternion cannot lean: of a tilted gantry it would give another place than the matrix.
    leans = np.abs(geometry.axes.T @ geometry.axes - np.eye(3)).max() > 1e-4
    image.set_qform(None if leans else affine, 0 if leans else 1)
    image.header.set_xyzt_units("mm")
    data = image.to_bytes()
    with written(path) as temporary:
        if path.name.endswith(".gz"):
            data = gzip.compress(data, 4, mtime=0)
        temporary.write_bytes(data)
