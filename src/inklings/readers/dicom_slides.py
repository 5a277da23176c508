"""Which DICOM files are whole slides, and which belong together: headers only, no pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inklings.errors import ReaderError
from inklings.readers.dicom_codecs import dicom_errors

if TYPE_CHECKING:
    import pydicom

WHOLE_SLIDE = b"1.2.840.10008.5.1.4.1.1.77.1.6"
"""SOP class of VL Whole Slide Microscopy, as the meta information of a file says it."""

HEAD = 512
"""Bytes of a file that say whether it is one."""

_TAGS = ["SeriesInstanceUID", "ImageType", "TotalPixelMatrixColumns", "PatientID"]
_EXTRA = ("LABEL", "OVERVIEW", "THUMBNAIL", "LOCALIZER")


@dataclass(frozen=True)
class DicomSlide:
    """One slide: the files of one series in one folder.

    Attributes:
        series: Its UID.
        levels: Its files, the finest first; label, overview and thumbnail are left out.
        patient: As the headers name the patient; empty where they do not.
        extras: How many files are pictures of the label or the whole glass.
    """

    series: str
    levels: tuple[Path, ...]
    patient: str = ""
    extras: int = 0


def is_slide(head: bytes) -> bool:
    """Whether the first 512 bytes of a file are those of a DICOM whole slide."""
    return head[128:132] == b"DICM" and WHOLE_SLIDE in head


def slide_files(folder: Path) -> list[Path]:
    """The files of whole slides that lie in a folder, in order."""
    found = []
    for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
        try:
            with path.open("rb") as file:
                head = file.read(HEAD)
        except OSError:
            continue
        if is_slide(head):
            found.append(path)
    return found


def slides_of(paths: Iterable[Path]) -> list[DicomSlide]:
    """The slides that some files make, in order of their paths; files of no level make none.

    Raises:
        ReaderError: If a header does not read.
    """
    groups: dict[tuple[Path, str], list[tuple[int, Path, tuple[str, ...]]]] = defaultdict(list)
    patients: dict[tuple[Path, str], str] = {}
    for path in paths:
        header = _header(path)
        key = (path.parent, str(header.get("SeriesInstanceUID", "")))
        columns = int(header.get("TotalPixelMatrixColumns") or 0)
        groups[key].append((columns, path, _kinds(header)))
        patients.setdefault(key, str(header.get("PatientID") or "").strip())
    found = []
    for key, files in groups.items():
        levels = sorted(
            (one for one in files if not _is_extra(one[2])), key=lambda one: (-one[0], one[1])
        )
        if levels:
            found.append(
                DicomSlide(
                    key[1],
                    tuple(path for _, path, _ in levels),
                    patients[key],
                    len(files) - len(levels),
                )
            )
    return sorted(found, key=lambda slide: slide.levels[0])


def chosen(path: Path, wanted: str | None) -> Path:
    """The file by which to open a slide: ``path`` itself, or the finest level in a folder.

    Args:
        path: A file, or a folder of the files of one slide.
        wanted: A series UID, or the name of a file, where the folder holds several slides.

    Raises:
        ReaderError: If the folder holds several slides and ``wanted`` names none of them.
    """
    if not path.is_dir():
        return path
    slides = slides_of(slide_files(path))
    fits = [s for s in slides if wanted is None or wanted in (s.series, *_names(s.levels))]
    if len(fits) == 1:
        return fits[0].levels[0]
    if not slides:
        raise ReaderError(f"expected a level of a slide in {path}, got only labels and overviews")
    told = "; ".join(f"{s.levels[0].name} (series {s.series})" for s in slides[:4])
    raise ReaderError(
        f"{path}: expected one slide, got {len(slides)}: {told}; give one of these files, or its "
        "series"
    )


def is_resampled(path: Path, columns: int) -> bool:
    """Whether a file is a level of ``columns`` pixels that was made from a finer one."""
    header = _header(path)
    return "RESAMPLED" in _kinds(header) and header.get("TotalPixelMatrixColumns") == columns


def _kinds(header: pydicom.Dataset) -> tuple[str, ...]:
    return tuple(str(word).upper() for word in header.get("ImageType") or ())


def _names(levels: Sequence[Path]) -> Iterable[str]:
    return (name for path in levels for name in (path.name, path.stem))


def _is_extra(kinds: Sequence[str]) -> bool:
    return any(kind in _EXTRA for kind in kinds)


def _header(path: Path) -> pydicom.Dataset:
    import pydicom

    try:
        return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
    except dicom_errors() as error:
        why = " ".join(str(error).split())
        raise ReaderError(f"{path}: cannot read the header of this DICOM slide ({why})") from None
