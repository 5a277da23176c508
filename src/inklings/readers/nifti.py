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
from inklings.readers.nifti_header import FORM_FIELDS, placed, raw_header
from inklings.readers.notes import Note
from inklings.readers.volume import Volume

_LPS = np.diag([-1.0, -1.0, 1.0])
_ERRORS: tuple[type[Exception], ...] = (
    OSError, ValueError, EOFError, zlib.error, struct.error, KeyError, TypeError, MemoryError
)  # fmt: skip
_TIMES = {8: "s", 16: "ms", 24: "us"}
_MOST_RATIO = 1040  # of deflate: a smaller file cannot hold more
_PIECE = 1 << 20
_EXACT = 2.0**24  # whole numbers up to here survive in 32 bits


class NiftiReader:
    """``.nii``, ``.nii.gz``, and ``.hdr`` with ``.img``."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """By the magic word, which a compressed file hides: then by the name."""
        if path.name.lower().endswith((".nii", ".nii.gz")):
            return True
        return head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] in (b"n+2\0", b"ni2\0")

    def open(self, path: Path, choice: Choice = ANY) -> Volume:
        """Read the header.

        Raises:
            ReaderError: If it is damaged, or of more axes than three and channels.
        """
        choice.only(path)
        import nibabel

        try:
            image: Any = nibabel.load(path)
            shape, dtype = image.shape, image.get_data_dtype()
        except _errors() as error:
            raise _damaged(path, error) from None
        _require_readable(path, shape, dtype)
        try:
            place = placed(path, image)
        except _errors() as error:
            raise _damaged(path, error) from None
        file = _File(path, image)
        file.require_size()
        fields = dtype.names or tuple(map(str, range(max(1, int(np.prod(shape[3:]))))))
        names = ("grey",) if len(fields) == 1 else fields
        return Volume(
            path, place.geometry, names, file.planes, (*place.notes, *_sample_notes(image)),
            also=place.also, step=_step(image), whole=file.require_whole,
        )  # fmt: skip


class _File:
    """The samples of one file; the checksum of a compressed one is compared once."""

    def __init__(self, path: Path, image: Any) -> None:
        self.path, self.image = path, image
        self.packed = path.name.lower().endswith(".gz")
        self.checked = not self.packed

    def planes(self, start: int, stop: int) -> NDArray[Any]:
        """See `Volume`."""
        whole = stop - start == self.image.shape[2]
        try:
            image = self.image
            if not self.checked and whole:
                image = type(image).from_bytes(self._decoded(keep=True))
            elif not self.checked:
                self._decoded(keep=False)
            self.checked = True
            return _samples(image, start, stop, whole)
        except _errors() as error:
            raise _damaged(self.path, error) from None

    def require_whole(self) -> None:
        """Raise ReaderError unless the file is complete and its checksum right."""
        try:
            if not self.checked:
                self._decoded(keep=False)
            self.checked = True
        except _ERRORS as error:
            raise _damaged(self.path, error) from None

    def require_size(self) -> None:
        """Raise ReaderError if a file is too short for what its header says."""
        files = self.image.file_map
        path = Path(files["image"].filename or self.path)
        if not path.is_file():
            raise ReaderError(f"{self.path}: expected its samples in {path.name}, got no such file")
        size = path.stat().st_size * (_MOST_RATIO if path.suffix.lower() == ".gz" else 1)
        if path.suffix.lower() != ".bz2" and size < self._bytes():
            raise ReaderError(
                f"{self.path}: truncated NIfTI file (expected {self._bytes():,} bytes of samples "
                f"and header, got {path.stat().st_size:,}); copy it again"
            )

    def _bytes(self) -> int:
        """Up to the end of the samples."""
        count = int(np.prod(np.array(self.image.shape, dtype=object)))
        return int(self.image.dataobj.offset + count * self.image.get_data_dtype().itemsize)

    def _decoded(self, keep: bool) -> bytes:
        """All up to the end of the samples; what follows is read too, for the checksum."""
        needed, parts, found = self._bytes(), [], 0
        with gzip.open(self.path) as file:
            while piece := file.read(_PIECE):
                if keep and found < needed:
                    parts.append(piece)
                found += len(piece)
        if found < needed:
            raise EOFError(f"{found:,} of {needed:,} bytes")
        return b"".join(parts)


def _require_readable(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    long = [n for n in shape[3:] if n > 1]
    if len(shape) < 3 or len(long) > 1 or 0 in shape:
        raise ReaderError(
            f"{path}: expected a volume of three axes, perhaps with channels, got shape {shape}"
        )
    if dtype.kind == "c":
        raise ReaderError(
            f"{path}: expected real samples, got complex ones; give magnitude or phase as a file "
            "of its own"
        )


def _step(image: Any) -> float:
    """Between neighbouring numbers of a file that rescales whole ones."""
    slope = float(image.dataobj.slope)
    return abs(slope) if image.get_data_dtype().kind in "iu" and slope != int(slope) else 0.0


def _sample_notes(image: Any) -> tuple[Note, ...]:
    """A series in time that is read as channels, and numbers that programs read differently."""
    shape, header = image.shape, image.header
    unit = _TIMES.get(int(header["xyzt_units"]) & 56)
    step = float(header["pixdim"][4])
    notes = []
    if len(shape) == 4 and shape[3] > 1 and unit and step > 0:
        text = f"{shape[3]} volumes, {step:g} {unit} apart, are read as {shape[3]} channels"
        notes.append(Note("axes", text))
    raw = raw_header(image)
    slope, intercept = float(raw["scl_slope"]), float(raw["scl_inter"])
    if (slope == 0 or not np.isfinite(slope)) and np.isfinite(intercept) and intercept != 0:
        text = (
            f"its slope is {slope:g}, so its intercept of {intercept:g} is not added, as the "
            "standard has it; programs of ITK add it"
        )
        notes.append(Note("rescale", text))
    return tuple(notes)


def _errors() -> tuple[type[Exception], ...]:
    """What nibabel raises on a damaged file."""
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError, ImageDataError
    from nibabel.wrapstruct import WrapStructError

    own = (ImageFileError, HeaderDataError, ImageDataError, WrapStructError)
    return (*_ERRORS, *own)


def _damaged(path: Path, error: BaseException) -> ReaderError:
    words = " ".join(str(error).split()) or type(error).__name__
    return ReaderError(f"{path}: truncated or damaged NIfTI file ({words}); copy it again")


def _samples(image: Any, start: int, stop: int, whole: bool) -> NDArray[Any]:
    stored = (
        np.asanyarray(image.dataobj) if whole else np.asanyarray(image.dataobj[:, :, start:stop])
    )
    if stored.dtype.names:  # colours
        stored = np.stack([stored[name] for name in stored.dtype.names], axis=3)
    stored = stored.reshape(*stored.shape[:3], -1)
    array = np.ascontiguousarray(stored.transpose(3, 2, 1, 0))
    if array.dtype.kind == "f" and array.dtype.itemsize > 4 and not _needs_wide(array):
        array = array.astype(np.float32)
    if array.dtype in (np.int64, np.uint64) and np.abs(array).max(initial=0) < 2**31:
        array = array.astype(np.int32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _needs_wide(array: NDArray[Any]) -> bool:
    """Whether whole numbers are so large that 32 bits would change them."""
    finite = array[np.isfinite(array)]
    large = finite[np.abs(finite) >= _EXACT]
    return bool(large.size) and bool((large == np.rint(large)).any())


def write_nifti(
    path: Path, array: NDArray[Any], geometry: Geometry, like: Path | None = None
) -> None:
    """Write ``array (Z, Y, X)`` as ``.nii`` or ``.nii.gz``, atomically.

    The same array gives the same bytes: no time of writing is stored.

    Args:
        path: New file.
        array: The samples.
        geometry: Where they lie.
        like: A NIfTI on the same grid, whose two forms are kept as they are.
    """
    data = nifti_bytes(array, geometry, like)
    with written(path) as temporary:
        temporary.write_bytes(gzip.compress(data, 4, mtime=0) if path.suffix == ".gz" else data)


def nifti_bytes(array: NDArray[Any], geometry: Geometry, like: Path | None = None) -> bytes:
    """The bytes of a ``.nii``; arguments as for `write_nifti`."""
    import nibabel

    affine = np.eye(4)
    columns = geometry.axes * np.array(geometry.require_spacing()[::-1])
    affine[:3, :3] = _LPS @ columns
    affine[:3, 3] = _LPS @ geometry.to_points((0, 0, 0))
    image = nibabel.Nifti1Image(np.ascontiguousarray(array).transpose(2, 1, 0), affine)
    image.set_data_dtype(array.dtype)
    image.set_sform(affine, 1)
    # A quaternion cannot lean: of a tilted gantry it would give another place than the matrix.
    image.set_qform(None if geometry.leans else affine, 0 if geometry.leans else 1)
    image.header.set_xyzt_units("mm")
    if like is not None:
        _keep_forms(image.header, like)
    data: bytes = image.to_bytes()
    return data


def _keep_forms(header: Any, like: Path) -> None:
    import nibabel

    source = raw_header(nibabel.load(like))
    for name in FORM_FIELDS:
        header[name] = source[name]
    header["pixdim"][4:] = 1
    header["xyzt_units"] = int(source["xyzt_units"]) & 7
