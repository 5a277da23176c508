"""What was drawn with other programs, as records on the samples of an image (of a slide: level 0).

These programs count from the outer corner of the first pixel, inklings from its centre: all
coordinates are moved by half a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from inklings.errors import LabelError
from inklings.labels.kinds import (
    BACKGROUND,
    EXAMINED,
    IRRELEVANT,
    BagLabel,
    BoxLabel,
    Label,
    PointLabel,
    PolygonLabel,
    Ring,
)

HOLE = "hole"
"""Name to give to outlines that are cut out of all others."""

MEANINGS = {
    "ignore*": IRRELEVANT,  # QuPath's words, where nobody says otherwise
    "region*": EXAMINED,
}
UNKNOWN = ("unlabelled", "unlabeled", "ignore", IRRELEVANT)
"""Names to give to outlines within which nothing is known."""

_FARTHEST = 2**31
"""Samples from the corner of an image beyond which nobody has drawn anything."""

Kind = Literal["polygon", "point", "box", "line", "choice"]
Origin = Literal["bounds", "slide"]


@dataclass(frozen=True, slots=True)
class Outline:
    """One thing that was drawn, or chosen for the image as a whole.

    Attributes:
        name: What the annotator called it.
        rings: ``(y, x)`` corners: of a polygon the outer ring and holes, else one ring: the place
            of a point, two opposite corners of a box, the places along a line; none of a choice.
        kind: What it is.
        parts: Further polygons of the same object, each its outer ring and its holes.
        annotator: Who drew it, where the file says so.
        time: When, as the file has it.
        width: Of a line, in samples.
        present: Of a choice: whether it was chosen, where others were.
    """

    name: str
    rings: tuple[Ring, ...] = ()
    kind: Kind = "polygon"
    parts: tuple[tuple[Ring, ...], ...] = ()
    annotator: str = ""
    time: str = ""
    width: float = 1.0
    present: bool = True

    @property
    def polygons(self) -> tuple[tuple[Ring, ...], ...]:
        """All polygons of an outline, each its outer ring and its holes."""
        return (self.rings, *self.parts)


@dataclass(frozen=True)
class Drawing:
    """What a file of annotations holds of one image.

    Attributes:
        outlines: In the order of the file.
        odd: What is no outline, each with its number in the file and the reason.
        origin: Where its program counts from: the first pixel that was scanned (``bounds``), or
            the corner of the slide.
        size: ``(H, W)`` of the image, where the file says so; of shares (``relative``) that of a
            level of it, whole numbers of pixels coarser.
        lost: What it says that records do not hold, in words.
        relative: Coordinates are shares of the image's sides, from its corner.
        upwards: Rows are heights above the lower border of the image.
        corner: Pixel ``(y, x)`` that was scanned first, where the file says which.
    """

    outlines: tuple[Outline, ...]
    odd: tuple[str, ...] = ()
    origin: Origin = "slide"
    size: tuple[int, int] | None = None
    lost: tuple[str, ...] = ()
    relative: bool = False
    upwards: bool = False
    corner: tuple[float, float] = (0, 0)

    def on(self, shape: tuple[int, ...]) -> tuple[Outline, ...]:
        """The outlines in samples of an image ``(H, W)``."""
        if not self.relative and not self.upwards:
            return self.outlines
        h, w = shape

        def moved(rings: tuple[Ring, ...]) -> tuple[Ring, ...]:
            if self.upwards:
                return tuple(tuple((h - y - 0.5, x - 0.5) for y, x in ring) for ring in rings)
            return tuple(tuple((y * h - 0.5, x * w - 0.5) for y, x in ring) for ring in rings)

        return tuple(
            replace(one, rings=moved(one.rings), parts=tuple(map(moved, one.parts)))
            for one in self.outlines
        )


def labels_of(
    outlines: Sequence[Outline],
    image: str,
    names: Mapping[str, str],
    corner: tuple[float, float] = (0, 0),
) -> list[Label]:
    """Records of outlines, renamed; lines are left to `lines_of`.

    Args:
        outlines: What was drawn.
        image: Which image of the case they lie on.
        names: What the annotator's names mean: a class, `BACKGROUND` to leave them out, `HOLE` to
            cut them out of the others, a word of `UNKNOWN` where nothing is known inside them,
            `EXAMINED` where nothing is known outside. Names that are not in it mean what
            `MEANINGS` says, or stay as they are.
        corner: Pixel ``(y, x)`` of level 0 from which they count.
    """
    renamed = [placed(replace(one, name=_meaning(one.name, names)), corner) for one in outlines]
    holes = [one.rings[0] for one in renamed if one.name == HOLE and one.kind == "polygon"]
    labels: list[Label] = []
    for one in renamed:
        if one.name in (HOLE, BACKGROUND) or one.kind == "line":
            continue
        if one.kind == "choice":
            labels.append(BagLabel(one.name, one.present))
        elif one.kind == "point":
            labels.append(PointLabel(image, one.name, one.rings[0][0], None, *_by(one)))
        elif one.kind == "box":
            (y0, x0), (y1, x1) = one.rings[0]
            start, stop = (y0 + 0.5, x0 + 0.5), (y1 + 0.5, x1 + 0.5)
            labels.append(BoxLabel(image, one.name, start, stop, *_by(one)))
        else:
            outer, *parts = (_cut(rings, holes) for rings in one.polygons)
            labels.append(
                PolygonLabel(image, one.name, outer[0], outer[1:], tuple(parts), *_by(one))
            )
    return labels


def lines_of(
    outlines: Sequence[Outline], names: Mapping[str, str], corner: tuple[float, float] = (0, 0)
) -> list[Outline]:
    """The lines among outlines, renamed; background is a statement of theirs."""
    lines = [replace(one, name=_meaning(one.name, names)) for one in outlines if one.kind == "line"]
    return [placed(one, corner) for one in lines if one.name != HOLE]


def outline_of(label: PolygonLabel | BoxLabel | PointLabel | BagLabel) -> Outline:
    """The outline of a record; the way back of `labels_of`."""
    if isinstance(label, BagLabel):
        return Outline(label.name, kind="choice", present=label.present)
    if isinstance(label, PointLabel):
        made = Outline(label.name, ((_flat(label.point),),), "point")
    elif isinstance(label, BoxLabel):
        (y0, x0), (y1, x1) = _flat(label.start), _flat(label.stop)
        made = Outline(label.name, (((y0 - 0.5, x0 - 0.5), (y1 - 0.5, x1 - 0.5)),), "box")
    else:
        made = Outline(label.name, label.polygons[0], "polygon", label.parts)
    return replace(made, annotator=label.annotator, time=label.time)


def _flat(place: tuple[float, ...]) -> tuple[float, float]:
    """``(y, x)``.

    Raises:
        LabelError: If it lies in a volume.
    """
    if len(place) != 2:
        raise LabelError(f"expected a place in a plane, got {len(place)} coordinates")
    return place[0], place[1]


def _by(outline: Outline) -> tuple[str, str]:
    return outline.annotator, outline.time


def _cut(rings: tuple[Ring, ...], holes: Sequence[Ring]) -> tuple[Ring, ...]:
    return (*rings, *(hole for hole in holes if around(rings[0], hole)))


def _meaning(name: str, names: Mapping[str, str]) -> str:
    meant = names.get(name, MEANINGS.get(name.strip().lower(), name))
    return IRRELEVANT if meant in UNKNOWN else meant


def placed(outline: Outline, corner: tuple[float, float]) -> Outline:
    """An outline that counts from a pixel ``(y, x)``, in samples of the whole."""
    if corner == (0, 0):
        return outline
    y, x = corner

    def moved(rings: tuple[Ring, ...]) -> tuple[Ring, ...]:
        return tuple(tuple((a + y, b + x) for a, b in one) for one in rings)

    parts = tuple(moved(rings) for rings in outline.parts)
    return replace(outline, rings=moved(outline.rings), parts=parts)


def ring(points: Sequence[Sequence[float]]) -> Ring:
    """Corners ``(x, y)`` from the outer corner of the first pixel to ``(y, x)`` from its centre.

    Raises:
        LabelError: If a coordinate is no number.
    """
    corners = _places(points)
    return corners[:-1] if len(corners) > 1 and corners[0] == corners[-1] else corners


def line(points: Sequence[Sequence[float]]) -> Ring:
    """As `ring`, of places along a line, of which the last may be the first again.

    Raises:
        LabelError: If there is none, or a coordinate is no number.
    """
    if not (places := _places(points)):
        raise LabelError("a line without a place")
    return places


def _places(points: Sequence[Sequence[float]]) -> Ring:
    return sane(tuple((float(p[1]) - 0.5, float(p[0]) - 0.5) for p in points))


def sane(places: Ring) -> Ring:
    """Places, of which each may lie on some image.

    Raises:
        LabelError: If a coordinate is no number, or larger than any image.
    """
    for value in (value for place in places for value in place):
        if not math.isfinite(value):
            raise LabelError("expected coordinates, got one that is no number")
        if abs(value) > _FARTHEST:
            raise LabelError(f"a coordinate {value:.4g}, which lies beyond any image")
    return places


def box(name: str, low: Sequence[float], high: Sequence[float], **said: str) -> Outline:
    """A box by two corners ``(x, y)``, in any order.

    Raises:
        LabelError: If it has no inside, or a coordinate is no number.
    """
    (x0, x1), (y0, y1) = (sorted((float(low[k]), float(high[k]))) for k in (0, 1))
    corners = line([(x0, y0), (x1, y1)])
    if x0 == x1 or y0 == y1:
        raise LabelError(f"a box of {x1 - x0:g} x {y1 - y0:g}, which has no inside")
    return Outline(name, (corners,), "box", annotator=said.get("by", ""), time=said.get("at", ""))


def point(name: str, place: Sequence[float], **said: str) -> Outline:
    """A point ``(x, y)``.

    Raises:
        LabelError: If a coordinate is no number.
    """
    ends = (line([place]),)
    return Outline(name, ends, "point", annotator=said.get("by", ""), time=said.get("at", ""))


def polygon(name: str, rings: Sequence[Sequence[Sequence[float]]], **said: str) -> Outline:
    """A polygon by its outer ring ``(x, y)`` and its holes; holes of less than 3 corners are none.

    Raises:
        LabelError: If it has less than 3 corners, or a coordinate is no number.
    """
    outer, *holes = [ring(one) for one in rings] or [()]
    if len(outer) < 3:
        raise LabelError(f"an outline of {len(outer)} corners")
    every = (outer, *(hole for hole in holes if len(hole) > 2))
    return Outline(name, every, annotator=said.get("by", ""), time=said.get("at", ""))


def united(name: str, several: Sequence[Outline]) -> Outline:
    """Several polygons as one object, by whom and when the first was drawn."""
    return replace(several[0], name=name, parts=tuple(one.rings for one in several[1:]))


def around(outer: Ring, inner: Ring) -> bool:
    """Whether the boxes around two rings overlap."""
    boxes = [
        (min(p[0] for p in r), max(p[0] for p in r), min(p[1] for p in r), max(p[1] for p in r))
        for r in (outer, inner)
    ]
    a, b = boxes
    return a[0] <= b[1] and b[0] <= a[1] and a[2] <= b[3] and b[2] <= a[3]
