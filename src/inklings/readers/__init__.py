"""Readers: bytes on disk to `Image`; one file per family of formats, one line here."""

from __future__ import annotations

from pathlib import Path

from inklings.errors import ReaderError
from inklings.readers.choice import Choice
from inklings.readers.finite import finite
from inklings.readers.image import Image, Reader
from inklings.registry import Registry

READERS: Registry[Reader] = Registry(
    "reader",
    {
        "array": "inklings.readers.array:ArrayReader",
        "stored": "inklings.readers.stored:StoredReader",
        "openslide": "inklings.readers.openslide:OpenSlideReader",
        "dicom_segments": "inklings.readers.dicom_segments:DicomSegReader",
        "dicom_structures": "inklings.readers.dicom_structures:StructureSetReader",
        "slicer": "inklings.readers.slicer_seg:SlicerSegReader",
        "dicom": "inklings.readers.dicom_series:DicomReader",
        "nifti": "inklings.readers.nifti:NiftiReader",
        "metaimage": "inklings.readers.metaimage:MetaImageReader",
        "tiff": "inklings.readers.tiff:TiffReader",
        "picture": "inklings.readers.picture:PictureReader",
    },
)
# A slide may also look like a picture, a TIFF or a DICOM series; what other packages plug in comes
# first.
_LAST = (
    "array", "stored", "openslide", "dicom_segments", "dicom_structures", "slicer", "dicom",
    "nifti", "metaimage", "tiff", "picture",
)  # fmt: skip


def open_image(path: Path, spacing: float | None = None, choice: str | None = None) -> Image:
    """Open ``path`` with the first reader that recognises it.

    Args:
        path: The file; for DICOM also a folder or a zip archive.
        spacing: Distance between the finest samples in mm, whatever the file says of it.
        choice: Which image of a file that holds several, as `Choice` writes it: words of a DICOM
            series (a part of its description, its folder, ``echo 4.6``, its UID), ``page=2``.

    Raises:
        ReaderError: If it is missing, empty, damaged, or of no known format.
        SpecError: If ``choice`` does not parse, or says what the file does not have.
    """
    try:
        head = b"" if path.is_dir() else _head(path)
    except OSError as error:
        raise ReaderError(f"expected an image at {path}: {error.strerror}") from None
    if not head and path.is_file():
        raise ReaderError(f"{path} is empty (0 bytes); copy it again from its source")
    for name in sorted(READERS, key=lambda n: (n in _LAST and _LAST.index(n) + 1, n)):
        reader = READERS.get(name)()
        if reader.recognises(path, head):
            image = reader.open(path, Choice.parse(choice))
            return finite(image if spacing is None else image.spaced(spacing))
    if path.is_dir():
        raise ReaderError(f"expected a DICOM image in the folder {path}, got none")
    raise ReaderError(
        f"{path}: no reader recognises this format (first bytes {head[:8]!r}); "
        f"known readers: {', '.join(READERS)}"
    )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)
