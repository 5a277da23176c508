"""DICOM series as volumes: told apart, ordered by where their planes lie, and measured exactly.

Planes are ordered by their position along the normal of the slices; names of files and instance
numbers play no part. A series that no regular grid can hold (a slice is missing) is refused with
the place and width of the gap; what can be held but should be known (a tilted gantry, a slice
that is there twice) is told in the notes of the volume.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.geometry import Geometry
from inklings.readers.array import ArrayImage
from inklings.readers.choice import ANY, Choice
from inklings.readers.dicom_headers import ZIP, Plane, files, is_dicom, is_slide, planes
from inklings.readers.dicom_layout import laid_out
from inklings.readers.dicom_pixels import values
from inklings.readers.volume import Volume

_PROBED = 200
_SPLITS: tuple[tuple[str, Callable[[Plane], Hashable]], ...] = (
    ("echo", lambda plane: plane.echo),
    ("folder", lambda plane: plane.file.folder),
    ("moment", lambda plane: plane.moment),
    ("acquisition", lambda plane: plane.acquisition),
    ("kind", lambda plane: plane.kind),
)


@dataclass(frozen=True)
class Series:
    """Planes of one series that share orientation and size, in no order yet.

    Attributes:
        part: What tells it from others of the same UID: ``echo 4.6``; empty where it is alone.
    """

    planes: tuple[Plane, ...]
    part: str = ""

    @property
    def name(self) -> str:
        """Words that choose it and nothing else."""
        uid = self.planes[0].about.series
        return f"{uid},{self.part}" if self.part else uid

    def words(self) -> str:
        """For people: description, modality, slices, echo."""
        about = self.planes[0].about
        count = len(self.planes)
        said = [about.modality, "1 slice" if count == 1 else f"{count} slices"]
        said += [f"series {about.number}"] if about.number else []
        said += [self.part] if self.part else []
        named = about.description or about.protocol or about.sequence or about.series
        return f"{named} ({', '.join(filter(None, said))})"

    def matches(self, wanted: str) -> bool:
        """Whether all words of ``wanted``, between commas, are said of it, in upper or lower case.

        A word is a whole UID, or part of the description, the protocol, the sequence or the
        folder, or ``echo 4.6``.
        """
        about = self.planes[0].about
        folders = {plane.file.folder for plane in self.planes}
        whole = {about.series.lower(), self.part.lower(), f"series {about.number}".lower()}
        whole |= {f"echo {p.echo:g}" for p in self.planes if p.echo is not None}
        loose = (about.description, about.protocol, about.sequence, *folders)
        terms = [term.strip().lower() for term in wanted.split(",") if term.strip()]
        return all(t in whole or any(t in text.lower() for text in loose) for t in terms)

    def is_scout(self) -> bool:
        """Whether it is the picture on which the scan was planned."""
        return all("LOCALIZER" in plane.kind.upper() for plane in self.planes)


def series_in(path: Path) -> list[Series]:
    """Everything under a folder, in a zip or in a file that can be shown as one volume each.

    Raises:
        ReaderError: If there is no DICOM image.
    """
    groups: dict[Hashable, list[Plane]] = defaultdict(list)
    for plane in planes(path):
        turned = tuple(np.round(plane.orientation, 3)) if plane.orientation else None
        coding = plane.coding
        size = (coding.rows, coding.columns, coding.samples)
        groups[plane.about.series, turned, size].append(plane)
    found = [one for group in groups.values() for one in _parts(tuple(group), _SPLITS)]
    if not found:
        raise ReaderError(f"expected DICOM images at {path}, got none")
    return sorted(found, key=lambda s: (s.planes[0].about.number.zfill(9), s.name))


def _parts(group: tuple[Plane, ...], splits: Sequence[Any], said: str = "") -> Iterable[Series]:
    """Several volumes under one UID become several series, as echoes and time points do."""
    if not _doubles(group):
        return [Series(group, said)]
    for place, (name, key) in enumerate(splits):
        parts: dict[Hashable, list[Plane]] = defaultdict(list)
        for plane in group:
            parts[key(plane)].append(plane)
        sizes = [len(part) for part in parts.values()]
        fewer = sum(_doubles(part) for part in parts.values()) < _doubles(group)
        if len(parts) > 1 and fewer and 2 * min(sizes) >= max(sizes):
            out: list[Series] = []
            for value, part in parts.items():
                shown = f"{value:g}" if isinstance(value, float) else str(value)
                word = shown if name == "folder" else f"{name} {shown}"
                inner = f"{said},{word}" if said else word
                out += _parts(tuple(part), splits[place + 1 :], inner)
            return out
    return [Series(group, said)]


def _doubles(group: Iterable[Plane]) -> int:
    places = [np.round(p.position, 2).tolist() for p in group if p.position is not None]
    return len(places) - len({tuple(place) for place in places})


def chosen(path: Path, wanted: str | None) -> Series:
    """The one series under ``path`` that fits ``wanted``, or the only one there is.

    Raises:
        ReaderError: If none fits or several do; the message lists them.
    """
    found = series_in(path)
    fitting = [one for one in found if wanted is None or one.matches(wanted)]
    if len(fitting) > 1:
        exact = [one for one in fitting if one.name == wanted]
        fitting = exact or [one for one in fitting if not one.is_scout()] or fitting
    if len(fitting) == 1:
        return fitting[0]
    listed = "; ".join(one.words() for one in fitting or found)
    if not fitting:
        raise ReaderError(f"{path}: expected a series {wanted!r}, got: {listed}")
    asked = "" if wanted is None else f" that fit {wanted!r}"
    raise ReaderError(
        f"{path}: expected one series, got {len(fitting)}{asked}; say which by its description, "
        f"its folder, 'echo 4.6' or its UID: {listed}"
    )


def open_series(path: Path, wanted: str | None = None) -> Volume | ArrayImage:
    """One series as a volume; a single picture without a place in the patient as a picture.

    Args:
        path: File, folder, nested folders, or zip archive.
        wanted: Words that choose the series (`Series.matches`).

    Raises:
        ReaderError: If it cannot be chosen, or is no regular grid.
    """
    series = chosen(path, wanted)
    first = series.planes[0]
    if len(series.planes) == 1 and first.position is None:
        return _picture(path, first)
    layout = laid_out(series.planes, series.words())
    ordered = layout.planes

    def decode(start: int, stop: int) -> NDArray[Any]:
        return values(ordered[start:stop])

    about = first.about
    facts = {
        "series": about.series, "study": about.study, "description": about.description,
        "modality": about.modality, "part": series.part,
    }  # fmt: skip
    return Volume(
        path,
        replace(layout.geometry, frame=about.frame_of_reference or about.series),
        _channels(first),
        decode,
        layout.notes,
        {key: value for key, value in facts.items() if value},
    )


def source_planes(path: Path, wanted: str | None = None) -> tuple[Plane, ...]:
    """The planes of a series in the order of its volume: for what refers to them on export."""
    series = chosen(path, wanted)
    return laid_out(series.planes, series.words()).planes


def _picture(path: Path, plane: Plane) -> ArrayImage:
    array = values((plane,))[:, 0]
    spacing = plane.spacing and (plane.spacing[0], plane.spacing[1])
    geometry = Geometry(array.shape[1:], spacing, frame=plane.about.frame_of_reference or path.name)
    return ArrayImage(array, geometry, _channels(plane))


def _channels(plane: Plane) -> tuple[str, ...]:
    if plane.coding.samples == 3:
        return ("R", "G", "B")
    return ("HU",) if plane.about.modality == "CT" else (plane.about.modality or "grey",)


class DicomReader:
    """A DICOM file, a folder of them, or a zip archive."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """By the magic word of the file, or of one within the folder or archive.

        Whole slides are left to the reader of slides.
        """
        if path.is_dir():
            heads = ((f.name, _head(f.container / f.name)) for f in files(path)[:_PROBED])
            return any(is_dicom(name, head) and not is_slide(head) for name, head in heads)
        if head.startswith(ZIP):
            return any(file.name.lower().endswith((".dcm", ".ima")) for file in files(path))
        return is_dicom(path.name, head) and not is_slide(head)

    def open(self, path: Path, choice: Choice = ANY) -> Volume | ArrayImage:
        """Read the headers of all files."""
        return open_series(path, choice.only(path, "series").series)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)
