"""What four readers drew and said of chest CTs: the XML files of LIDC-IDRI.

Armato et al. 2011, Medical Physics 38. A reader outlines nodules of 3 mm and more in every plane,
marks smaller ones and what is no nodule by a point, and rates the outlined ones (malignancy 1 to
5). An outline runs along the first pixels *outside* of the nodule, so it does not belong to it;
outlines with ``inclusion`` FALSE are holes.
"""

from __future__ import annotations

import xml.etree.ElementTree as Xml
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon

from inklings.errors import LabelError


@dataclass(frozen=True, slots=True)
class ReaderOutline:
    """A closed line in one plane.

    Attributes:
        sop: UID of the plane.
        height_mm: Its place along the patient, where the UID is not known.
        corners: ``(x, y)`` in pixels.
        inside: False where it surrounds a hole.
    """

    sop: str
    height_mm: float
    corners: tuple[tuple[int, int], ...]
    inside: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that one reader marked.

    Attributes:
        reader: Number of the reader in the file, from 0 on.
        name: As the reader called it.
        outlines: One point each where it was not outlined.
        malignancy: 1 to 5; None where it was not rated.
        nodule: False for what the reader says is none.
    """

    reader: int
    name: str
    outlines: tuple[ReaderOutline, ...]
    malignancy: int | None
    nodule: bool

    @property
    def is_outlined(self) -> bool:
        """Whether the reader drew it, as nodules of 3 mm and more are."""
        return self.nodule and any(len(outline.corners) > 1 for outline in self.outlines)


@dataclass(frozen=True)
class Reading:
    """One XML file.

    Attributes:
        series: UID of the CT.
        marks: Of all readers.
        readers: How many there were.
    """

    series: str
    marks: tuple[Mark, ...]
    readers: int


def read_lidc(path: Path) -> Reading | None:
    """Parse a file; None if it is about another kind of image (LIDC has X-rays, too).

    Raises:
        LabelError: If it is damaged, or no such file.
    """
    try:
        root = Xml.parse(path).getroot()
    except (Xml.ParseError, OSError) as error:
        raise LabelError(f"{path}: expected the XML of LIDC readers, got {error}") from None
    kind = root.tag.rpartition("}")[2]
    if kind != "LidcReadMessage":
        return None
    space = {"n": root.tag.partition("}")[0].strip("{")}
    series = root.findtext("n:ResponseHeader/n:SeriesInstanceUid", "", space).strip()
    if not series:
        raise LabelError(f"{path}: expected the UID of a series in its header, got none")
    sessions = root.findall("n:readingSession", space)
    try:
        marks = [mark for k, session in enumerate(sessions) for mark in _marks(k, session, space)]
    except ValueError as error:
        raise LabelError(f"{path}: expected numbers in an outline, got {error}") from None
    return Reading(series, tuple(marks), len(sessions))


def _marks(reader: int, session: Xml.Element, space: Mapping[str, str]) -> Iterator[Mark]:
    names = dict(space)
    for nodule in session.findall("n:unblindedReadNodule", names):
        outlines = tuple(_outline(roi, "edgeMap", names) for roi in nodule.findall("n:roi", names))
        said = nodule.findtext("n:characteristics/n:malignancy", None, names)
        rating = int(said) if said and said.strip() in "12345" else None
        name = nodule.findtext("n:noduleID", "", names)
        yield Mark(reader, name, outlines, rating, True)
    for other in session.findall("n:nonNodule", names):
        name = other.findtext("n:nonNoduleID", "", names)
        yield Mark(reader, name, (_outline(other, "locus", names),), None, False)


def _outline(roi: Xml.Element, corner: str, names: dict[str, str]) -> ReaderOutline:
    corners = tuple(
        (int(edge.findtext("n:xCoord", "", names)), int(edge.findtext("n:yCoord", "", names)))
        for edge in roi.findall(f"n:{corner}", names)
    )
    return ReaderOutline(
        roi.findtext("n:imageSOP_UID", "", names).strip(),
        float(roi.findtext("n:imageZposition", "nan", names)),
        corners,
        roi.findtext("n:inclusion", "TRUE", names).strip().upper() != "FALSE",
    )


def filled(outline: ReaderOutline, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Samples ``(Y, X)`` within an outline; of one without an inside, the outline itself."""
    inside = np.zeros(shape, bool)
    x, y = np.array(outline.corners).T
    rows, columns = polygon(y, x, shape)  # type: ignore[no-untyped-call]
    inside[rows, columns] = True
    border = np.zeros(shape, bool)
    border[np.clip(y, 0, shape[0] - 1), np.clip(x, 0, shape[1] - 1)] = True
    left = inside & ~border
    return left if left.any() else border
