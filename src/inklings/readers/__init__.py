"""Readers: bytes on disk to `Image`; one file per family of formats, one line here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from inklings.errors import ReaderError, SpecError
from inklings.geometry import Geometry
from inklings.readers.array import image_of
from inklings.readers.choice import Choice
from inklings.readers.finite import finite
from inklings.readers.image import Image, Reader
from inklings.registry import Registry

READERS: Registry[Reader] = Registry(
    "reader",
    {
        "array": "inklings.readers.array:ArrayReader",
        "stored": "inklings.readers.stored:StoredReader",
        "ome_zarr": "inklings.readers.ome_zarr:OmeZarrReader",
        "microscope": "inklings.readers.microscope:MicroscopeReader",
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
    "array", "stored", "ome_zarr", "openslide", "microscope", "dicom_segments", "dicom_structures",
    "slicer", "dicom", "nifti", "metaimage", "tiff", "picture",
)  # fmt: skip
_PNG = b"\x89PNG\r\n\x1a\n"


def open_image(
    source: str | Path | NDArray[Any],
    spacing_mm: float | Sequence[float] | None = None,
    choice: str | None = None,
    *,
    axes: str | None = None,
    geometry: Geometry | None = None,
) -> Image:
    """Open a file with the first reader that recognises it, or take an array as an image.

    Args:
        source: The file; for DICOM also a folder or a zip archive. Or an array.
        spacing_mm: Distance between the finest samples, whatever the file says of it; of an array
            also one for each axis, in array order.
        choice: Which image of a file that holds several, as `Choice` writes it: words of a DICOM
            series (a part of its description, its folder, ``echo 4.6``, its UID), ``page=2``.
        axes: Of an array, where they are not plain (see `inklings.readers.array.image_of`):
            ``yxc``, ``zyx``, ``czyx``, ...
        geometry: Grid of an array, instead of ``spacing_mm``.

    Returns:
        An image whose samples are read region by region.

    Raises:
        ReaderError: If it is missing, empty, damaged, or of no known format.
        SpecError: If ``choice`` does not parse, or says what the file does not have.
        GeometryError: If spacing or grid do not fit the array.
    """
    if not isinstance(source, str | Path):
        if choice is not None:
            raise SpecError(f"expected a file for the choice {choice!r}, got an array")
        return finite(image_of(source, spacing_mm, axes, geometry))
    path = Path(source)
    if axes is not None or geometry is not None:
        raise SpecError(f"expected an array for axes or geometry, got {path}, which says its own")
    if spacing_mm is not None and not isinstance(spacing_mm, int | float):
        raise SpecError(f"expected one spacing in mm for {path}, got {spacing_mm}")
    try:
        head = b"" if path.is_dir() else _head(path)
    except OSError as error:
        raise ReaderError(f"expected an image at {path}: {error.strerror}") from None
    if not head and path.is_file():
        raise ReaderError(f"{path} is empty (0 bytes); copy it again from its source")
    for name in sorted(READERS, key=lambda n: (n in _LAST and _LAST.index(n) + 1, n)):
        if head.startswith(_PNG) and name in _LAST and name != "picture":
            continue  # slides and DICOM are never PNG, and their readers take a while to import
        reader = READERS.get(name)()
        if reader.recognises(path, head):
            image = reader.open(path, Choice.parse(choice))
            return finite(image if spacing_mm is None else image.spaced(spacing_mm))
    if path.is_dir():
        raise ReaderError(f"expected a DICOM image in the folder {path}, got none")
    raise ReaderError(
        f"{path}: no reader recognises this format (first bytes {head[:8]!r}); "
        f"known readers: {', '.join(READERS)}"
    )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)
