"""DICOM RT Structure Sets (PS3.3, A.19): outlines in the patient, whoever drew them.

Outlines are filled on the planes of the series that they were drawn on, by the rule of
`inklings.readers.contours`. A plane of outlines belongs to the nearest slice, which lies within
half the distance of slices; nothing is invented between planes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.geometry import Geometry
from inklings.readers.choice import ANY, Choice
from inklings.readers.contours import Ring, cross, filled, same
from inklings.readers.dicom_codecs import dicom_errors
from inklings.readers.dicom_files import MAGIC, MAGIC_AT
from inklings.readers.dicom_frames import image_keys
from inklings.readers.layers import Remark
from inklings.readers.notes import Note
from inklings.readers.segments import Shape
from inklings.readers.volume import Volume

STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_ONE_PLANE = 0.02
"""Share of the distance of slices within which outlines lie on one plane."""
_BESIDE = 0.05
_WORDS = {
    "open outline": "outlines that are points or lines and close nothing",
    "outline across planes": "outlines that lie across the slices",
    "outline without plane": "outlines beyond the first or the last slice",
    "outline between planes": "outlines between slices, of which others lie nearer",
    "outline moved": "planes of outlines beside a slice, taken to the nearest",
    "outline twice": "outlines that are there twice, counted once",
    "outlines cross": "pairs of outlines of one plane that cross: what lies in both is outside",
    "outside": "outlines that leave the image",
    "thin outline": "outlines that hold the centre of no sample",
    "unfilled planes": "slices between its outlines that have none; nothing was made up there",
}


@dataclass(frozen=True)
class StructureContour:
    """One contour: its kind (``CLOSED_PLANAR``, ``POINT``) and its points ``(N, 3)`` in mm."""

    kind: str
    points: NDArray[np.float64]


@dataclass(frozen=True)
class Structure:
    """A region of interest.

    Attributes:
        number: Its number in the file.
        name: Its name.
        outlines: As they stand in the file.
    """

    number: int
    name: str
    outlines: tuple[StructureContour, ...]


@dataclass(frozen=True)
class Structures:
    """What a structure set holds."""

    found: tuple[Structure, ...]
    notes: tuple[Note, ...] = ()

    @property
    def names(self) -> dict[int, str]:
        """Name of each region of interest, by its number."""
        return {one.number: one.name for one in self.found}

    def called(self, names: Mapping[int, str]) -> Structures:
        """The same with other names."""
        return Structures(tuple(replace(one, name=names[one.number]) for one in self.found))

    def on(self, target: Geometry) -> Iterator[Shape]:
        """Each region of interest on the grid of an image.

        Raises:
            GeometryError: If the image does not say where its samples lie.
        """
        for structure in self.found:
            yield fill(structure, target)


def read_structures(path: Path, sources: Collection[str] | None = None) -> Structures:
    """All regions of interest of a structure set.

    Args:
        path: The file.
        sources: Keys of images; outlines that say that they were drawn on others are left out.
            None takes all.

    Raises:
        ReaderError: If the file is none, or is damaged.
    """
    import pydicom

    try:
        said = pydicom.dcmread(path, force=True)
        if str(said.get("SOPClassUID")) != STRUCTURES:
            raise ReaderError(f"{path}: expected a DICOM RT Structure Set, got another object")
        return Structures(tuple(_structures(said, sources)))
    except dicom_errors() as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise ReaderError(f"{path}: damaged RT Structure Set ({words}); copy it again") from None


def roi_names(said: Any) -> dict[int, str]:
    """Number of each region of interest to its name."""
    return {
        int(roi.ROINumber): str(roi.get("ROIName") or "").strip() or f"ROI {roi.ROINumber}"
        for roi in said.get("StructureSetROISequence") or ()
    }


def _structures(said: Any, sources: Collection[str] | None) -> Iterator[Structure]:
    drawn: dict[int, list[StructureContour]] = {}
    for one in said.get("ROIContourSequence") or ():
        mine = drawn.setdefault(int(one.ReferencedROINumber), [])
        for contour in one.get("ContourSequence") or ():
            kind = str(contour.get("ContourGeometricType") or "CLOSED_PLANAR")
            data = contour.get("ContourData")
            if data is None or len(data) == 0 or _elsewhere(contour, sources):
                continue
            if len(data) % 3:
                raise ValueError(f"an outline of {len(data)} numbers, which are no points")
            mine.append(StructureContour(kind, np.array([float(v) for v in data]).reshape(-1, 3)))
    names = roi_names(said)
    for number in dict.fromkeys([*names, *drawn]):
        yield Structure(number, names.get(number, f"ROI {number}"), tuple(drawn.get(number, ())))


def _elsewhere(contour: Any, sources: Collection[str] | None) -> bool:
    images = contour.get("ContourImageSequence") or ()
    named = {key for image in images for key in image_keys(image)}
    return sources is not None and bool(named) and not named & set(sources)


def fill(structure: Structure, target: Geometry) -> Shape:
    """A region of interest on a grid.

    Raises:
        GeometryError: If the grid does not say where its samples lie.
    """
    mask = np.zeros(target.shape, np.bool_)
    counts: Counter[str] = Counter()
    for place, rings in _planes(structure, target, counts).items():
        grid = (target.shape[1], target.shape[2])
        single: list[Ring] = []
        for ring in rings:
            if any(same(ring, other) for other in single):
                counts["outline twice"] += 1
            else:
                single.append(ring)
        ends = np.array(grid) - 0.5 + 0.01
        for ring in single:
            counts["outside"] += bool((ring < -0.51).any() or (ring > ends).any())
            inside = (ring.min(0) < ends).all() and (ring.max(0) > -0.51).all()
            counts["thin outline"] += bool(inside) and not filled([ring], grid).any()
        counts["outlines cross"] += cross(single, grid) if len(single) > 1 else 0
        mask[place] = filled(single, grid)
    there = np.flatnonzero(mask.any((1, 2)))
    if there.size:
        counts["unfilled planes"] = int(there[-1] - there[0] + 1 - there.size)
    name = structure.name
    said = [
        Remark(kind, f"{name}: {count} {_WORDS[kind]}", count)
        for kind, count in counts.items()
        if count
    ]
    return Shape(name, mask, tuple(said))


def _planes(structure: Structure, target: Geometry, counts: Counter[str]) -> dict[int, list[Ring]]:
    """Outlines by the slice that they belong to, in samples ``(y, x)``."""
    found: list[tuple[float, Ring]] = []
    for outline in structure.outlines:
        if outline.kind not in _CLOSED or len(outline.points) < 3:
            counts["open outline"] += 1
            continue
        indices = target.to_indices(outline.points)
        if not np.isfinite(indices).all():
            counts["open outline"] += 1
            continue
        if np.ptp(indices[:, 0]) > 0.5:
            counts["outline across planes"] += 1
            continue
        found.append((float(indices[:, 0].mean()), indices[:, 1:]))
    nearest: dict[int, tuple[float, list[Ring]]] = {}
    for level, rings in _levels(found):
        place = int(np.ceil(level - 0.5 - 1e-6))
        if not 0 <= place < target.shape[0] or abs(level - place) > 0.5 + 1e-6:
            counts["outline without plane"] += len(rings)
            continue
        off = abs(level - place)
        if place in nearest:
            further = rings if off >= nearest[place][0] else nearest[place][1]
            counts["outline between planes"] += len(further)
            if further is rings:
                continue
        nearest[place] = (off, rings)
    counts["outline moved"] += sum(off > _BESIDE for off, _ in nearest.values())
    return {place: rings for place, (_, rings) in nearest.items()}


def _levels(found: Sequence[tuple[float, Ring]]) -> Iterator[tuple[float, list[Ring]]]:
    """Outlines of one plane together, by the index of the plane."""
    group: list[Ring] = []
    level = -np.inf
    for here, ring in sorted(found, key=lambda one: one[0]):
        if group and here - level > _ONE_PLANE:
            yield level, group
            group = []
        if not group:
            level = here
        group.append(ring)
    if group:
        yield level, group


class StructureSetReader:
    """Says what a structure set is: it holds no samples, and is read beside its series."""

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """By the class of the object, which stands at the beginning of the file."""
        even = len(STRUCTURES) + len(STRUCTURES) % 2  # padded, as all values are
        uid = b"UI" + even.to_bytes(2, "little") + STRUCTURES.encode()
        return head[MAGIC_AT : MAGIC_AT + 4] == MAGIC and uid in head

    def open(self, path: Path, choice: Choice = ANY) -> Volume:
        """Refused, with what to do."""
        choice.only(path)
        names = ", ".join(one.name for one in read_structures(path).found) or "nothing"
        raise ReaderError(
            f"{path}: an RT Structure Set, which holds outlines ({names}) and no samples; expected "
            "an image: 'inklings import dicom' fills it on the series beside it"
        )
