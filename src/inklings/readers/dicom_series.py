"""DICOM series as volumes: told apart, ordered by where their planes lie, and measured exactly.

Planes are ordered by their position along the normal of the slices; names of files and instance
numbers play no part. A series that no regular grid can hold (a slice is missing) is refused with
the place and width of the gap; what can be held but should be known (a tilted gantry, a slice
that is there twice) is told in the notes of the volume.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from inklings.errors import ReaderError, SpecError
from inklings.geometry import Geometry
from inklings.readers.array import ArrayImage
from inklings.readers.choice import ANY, Choice
from inklings.readers.dicom_contents import Fault, contents, said_of
from inklings.readers.dicom_files import (
    HEAD,
    SUFFIXES,
    ZIP,
    Bytes,
    files,
    is_cut_off,
    is_dicom,
    is_slide,
)
from inklings.readers.dicom_groups import parts_of
from inklings.readers.dicom_headers import Plane
from inklings.readers.dicom_layout import laid_out
from inklings.readers.dicom_marks import label
from inklings.readers.dicom_pixels import values
from inklings.readers.notes import Note
from inklings.readers.volume import Volume

_LISTED = 12


@dataclass(frozen=True)
class Series:
    """Planes of one series that share orientation and size, in no order yet.

    Attributes:
        part: What tells it from others of the same UID: ``echo 4.6``; empty where it is alone.
        faults: Files of it that cannot be used.
        notes: What else lies there, and is no part of it.
    """

    planes: tuple[Plane, ...]
    part: str = ""
    faults: tuple[Fault, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def name(self) -> str:
        """Words that choose it and nothing else."""
        uid = self.planes[0].about.series
        return f"{uid},{self.part}" if self.part else uid

    def words(self) -> str:
        """For people: description, modality, slices, echo."""
        about = self.planes[0].about
        count = len(self.planes)
        noun = "slice" if self.planes[0].position is not None else "image"
        said = [about.modality, f"1 {noun}" if count == 1 else f"{count} {noun}s"]
        said += [f"series {about.number}"] if about.number else []
        said += [self.part] if self.part else []
        named = about.description or about.protocol or about.sequence or about.series
        return f"{named} ({', '.join(filter(None, said))})"

    def matches(self, wanted: str, exactly: bool = False) -> bool:
        """Whether all words of ``wanted``, between commas, are said of it, in upper or lower case.

        A word is a whole UID, or part of the description, the protocol, the sequence or the
        folder, or a mark as it is listed: ``echo 4.6``, ``b 500``, ``magnitude``.

        Args:
            wanted: The words.
            exactly: A part of a description does not count.
        """
        about = self.planes[0].about
        folders = {plane.file.folder for plane in self.planes}
        whole = {about.series, f"series {about.number}", *self.part.split(",")}
        whole |= {label(name, v) for p in self.planes for name, v in p.marks.items()}
        loose = (about.description, about.protocol, about.sequence, *folders)
        whole, loose = {_plain(w) for w in (*whole, *loose)}, tuple(map(_plain, loose))
        terms = [_plain(term) for term in wanted.split(",") if term.strip()]
        return all(t in whole or (not exactly and any(t in text for text in loose)) for t in terms)

    def is_scout(self) -> bool:
        """Whether it is the picture on which the scan was planned."""
        return all("LOCALIZER" in plane.kind.upper() for plane in self.planes)


def _plain(words: str) -> str:
    """Without what people write in several ways: ``b=500``, ``b value 500``, ``b500``."""
    found = re.sub(r"\s*=\s*", " ", words.strip().lower())
    found = re.sub(r"^(b[ -]?value|b-value)\b", "b", found)
    return re.sub(r"^(b|echo|trigger|moment|time)(\d)", r"\1 \2", found)


def series_in(path: Path) -> list[Series]:
    """Everything under a folder, in a zip or in a file that can be shown as one volume each.

    Raises:
        ReaderError: If there is no DICOM image, or none that can be used.
    """
    there = contents(path)
    groups: dict[tuple[str, str], list[Plane]] = defaultdict(list)
    for plane in there.planes:
        groups[plane.about.study, plane.about.series].append(plane)
    if not groups:
        raise ReaderError(there.nothing(path))
    notes, studies = there.beside(), Counter(uid for _, uid in groups)
    found = []
    for (study, uid), planes in groups.items():
        apart = (f"study {study}",) if studies[uid] > 1 else ()
        for part in parts_of(planes):
            own = notes
            if part.copies:
                text = f"{part.copies} files are exact copies of others and are left out"
                own = (*notes, Note("series", text))
            faults = there.faults_of(part.planes)
            found.append(Series(part.planes, ",".join((*apart, *part.said)), faults, own))
    return sorted(found, key=lambda s: s.planes[0].about.number.zfill(9))


def chosen(path: Path, wanted: str | None) -> Series:
    """The one series under ``path`` that fits ``wanted``, or the only one there is.

    Raises:
        ReaderError: If none fits or several do (the message lists them), or a file of it is
            damaged.
    """
    found = series_in(path)
    fitting = [one for one in found if wanted is None or one.matches(wanted)]
    if len(fitting) > 1 and wanted is not None:
        fitting = [one for one in fitting if one.name == wanted] or [
            one for one in fitting if one.matches(wanted, exactly=True)
        ] or fitting  # fmt: skip
    if len(fitting) > 1:
        fitting = [one for one in fitting if not one.is_scout()] or fitting
    if len(fitting) == 1:
        return _whole(path, fitting[0])
    listed = _listed(fitting or found)
    if not fitting:
        raise ReaderError(f"{path}: expected a series {wanted!r}, got: {listed}")
    asked = "" if wanted is None else f" that fit {wanted!r}"
    raise ReaderError(
        f"{path}: expected one series, got {len(fitting)}{asked}; say which by its description, "
        f"its folder, a mark as 'echo 4.6' or 'b 500', or its UID (--series): {listed}"
    )


def _listed(series: list[Series]) -> str:
    more = len(series) - _LISTED
    words = [one.words() for one in series[:_LISTED]] + ([f"and {more} more"] if more > 0 else [])
    return "; ".join(words)


def _whole(path: Path, series: Series) -> Series:
    if series.faults:
        raise ReaderError(f"{path}: {series.words()}: {said_of(series.faults, path)}")
    return series


def open_series(
    path: Path, wanted: str | None = None, page: str | None = None
) -> Volume | ArrayImage:
    """One series as a volume; a single picture without a place in the patient as a picture.

    Args:
        path: File, folder, nested folders, or zip archive.
        wanted: Words that choose the series (`Series.matches`).
        page: Number (from 0) of a frame, where frames have no place in the patient.

    Returns:
        A `Volume`, or an `ArrayImage` for a picture.

    Raises:
        ReaderError: If it cannot be chosen, or is no regular grid.
        SpecError: If there is no such page.
    """
    series = chosen(path, wanted)
    first = series.planes[0]
    if first.position is None and (len(series.planes) == 1 or first.coding.frames > 1):
        return _picture(path, series, page)
    if page is not None:
        raise SpecError(f"--page {page}: {path.name} is a volume and has no pages; leave it out")
    layout = laid_out(series.planes, series.words())
    ordered = layout.planes

    def decode(start: int, stop: int) -> NDArray[Any]:
        return values(ordered[start:stop], ordered)

    about = first.about
    facts = {
        "series": about.series, "study": about.study, "description": about.description,
        "modality": about.modality, "part": series.part, "unit": first.unit,
    }  # fmt: skip
    return Volume(
        path,
        replace(layout.geometry, frame=about.frame_of_reference or about.series),
        _channels(first),
        decode,
        (*layout.notes, *_told(series)),
        {key: value for key, value in facts.items() if value},
    )


def _told(series: Series) -> tuple[Note, ...]:
    """Notes of the files, each once."""
    of_files = dict.fromkeys(note for plane in series.planes for note in plane.notes)
    return (*of_files, *series.notes)


def source_planes(path: Path, wanted: str | None = None) -> tuple[Plane, ...]:
    """The planes of a series in the order of its volume: for what refers to them on export."""
    series = chosen(path, wanted)
    return laid_out(series.planes, series.words()).planes


def _picture(path: Path, series: Series, page: str | None) -> ArrayImage:
    planes = sorted(series.planes, key=lambda p: p.frame)
    count = len(planes)
    if page is None and count > 1:
        raise ReaderError(
            f"{path}: {series.words()}: expected a picture or a volume, got {count} frames that "
            f"have no position in the patient; choose one with --page 0 to {count - 1}"
        )
    if page is not None and not (page.isdecimal() and int(page) < count):
        raise SpecError(f"--page {page}: {path.name} has pages 0 to {count - 1}")
    plane = planes[int(page or 0)]
    array = values((plane,))[:, 0]
    spacing = plane.spacing and (plane.spacing[0], plane.spacing[1])
    geometry = Geometry(array.shape[1:], spacing, frame=plane.about.frame_of_reference or path.name)
    return ArrayImage(array, geometry, _channels(plane), _told(series))


def _channels(plane: Plane) -> tuple[str, ...]:
    if plane.coding.samples == 3 or plane.coding.photometric == "PALETTE COLOR":
        return ("R", "G", "B")
    if plane.about.modality in ("CT", "RTDOSE"):
        return (plane.unit,)
    return (plane.about.modality or "grey",)


class DicomReader:
    """A DICOM file, a folder of them, or a zip archive."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """By how the file begins, or one within the folder or archive, whatever they are called.

        Whole slides are left to the reader of slides.
        """
        if path.is_file() and not head.startswith(ZIP):
            whole = is_dicom("", head) and not is_slide(head)
            return whole or (path.suffix.lower() in SUFFIXES and is_cut_off(path.name, head))
        with Bytes() as source:
            for file in files(path):
                begins = source.head(file, HEAD)
                if is_dicom(file.name, begins) and not is_slide(begins):
                    return True
        return False

    def open(self, path: Path, choice: Choice = ANY) -> Volume | ArrayImage:
        """Read the headers of all files."""
        only = choice.only(path, "series", "page")
        return open_series(path, only.series, only.page)
