"""Outlines drawn on slides with other programs, as records on level 0.

These programs count from the outer corner of the first pixel, inklings from its centre: all
coordinates are moved by half a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from inklings.errors import LabelError
from inklings.labels.kinds import BACKGROUND, EXAMINED, IRRELEVANT, Label, PointLabel, PolygonLabel

HOLE = "hole"
"""Name to give to outlines that are cut out of all others."""

MEANINGS = {
    "ignore*": IRRELEVANT,  # QuPath's words, where nobody says otherwise
    "region*": EXAMINED,
}
UNKNOWN = ("unlabelled", "unlabeled", "ignore", IRRELEVANT)
"""Names to give to outlines within which nothing is known."""

Ring = tuple[tuple[float, float], ...]
Origin = Literal["bounds", "slide"]


@dataclass(frozen=True)
class Outline:
    """One thing that was drawn.

    Attributes:
        name: What the annotator called it.
        rings: ``(y, x)`` corners of the outer ring and of holes; one corner is a point.
    """

    name: str
    rings: tuple[Ring, ...]


@dataclass(frozen=True)
class Drawing:
    """What a file of annotations holds.

    Attributes:
        outlines: In the order of the file.
        odd: What is no outline, each with its number in the file and the reason.
        origin: Where its program counts from: the first pixel that was scanned (``bounds``), or
            the corner of the slide.
    """

    outlines: tuple[Outline, ...]
    odd: tuple[str, ...] = ()
    origin: Origin = "slide"


def labels_of(
    outlines: Sequence[Outline],
    image: str,
    names: Mapping[str, str],
    corner: tuple[float, float] = (0, 0),
) -> list[Label]:
    """Records of outlines, renamed.

    Args:
        outlines: What was drawn.
        image: Which image of the case they lie on.
        names: What the annotator's names mean: a class, `BACKGROUND` to leave them out, `HOLE` to
            cut them out of the others, a word of `UNKNOWN` where nothing is known inside them,
            `EXAMINED` where nothing is known outside. Names that are not in it mean what
            `MEANINGS` says, or stay as they are.
        corner: Pixel ``(y, x)`` of level 0 from which they count.
    """
    renamed = [_placed(replace(one, name=_meaning(one.name, names)), corner) for one in outlines]
    holes = [one.rings[0] for one in renamed if one.name == HOLE and len(one.rings[0]) > 2]
    labels: list[Label] = []
    for one in renamed:
        if one.name in (HOLE, BACKGROUND):
            continue
        outer = one.rings[0]
        if len(outer) == 1:
            labels.append(PointLabel(image, one.name, outer[0]))
        else:
            inside = tuple(hole for hole in holes if around(outer, hole))
            labels.append(PolygonLabel(image, one.name, outer, (*one.rings[1:], *inside)))
    return labels


def _meaning(name: str, names: Mapping[str, str]) -> str:
    meant = names.get(name, MEANINGS.get(name.strip().lower(), name))
    return IRRELEVANT if meant in UNKNOWN else meant


def _placed(outline: Outline, corner: tuple[float, float]) -> Outline:
    if corner == (0, 0):
        return outline
    y, x = corner
    rings = tuple(tuple((a + y, b + x) for a, b in one) for one in outline.rings)
    return replace(outline, rings=rings)


def ring(points: Sequence[Sequence[float]]) -> Ring:
    """Corners ``(x, y)`` from the outer corner of the first pixel to ``(y, x)`` from its centre.

    Raises:
        LabelError: If a coordinate is no number.
    """
    corners = tuple((float(p[1]) - 0.5, float(p[0]) - 0.5) for p in points)
    if not all(math.isfinite(value) for corner in corners for value in corner):
        raise LabelError("expected coordinates, got one that is no number")
    return corners[:-1] if len(corners) > 1 and corners[0] == corners[-1] else corners


def ellipse(points: Sequence[Sequence[float]], corners: int = 48) -> list[tuple[float, float]]:
    """The ellipse in the box around some points, as a polygon ``(x, y)``."""
    xs, ys = [float(p[0]) for p in points], [float(p[1]) for p in points]
    x, y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    a, b = (max(xs) - min(xs)) / 2, (max(ys) - min(ys)) / 2
    turns = [2 * math.pi * k / corners for k in range(corners)]
    return [(x + a * math.cos(t), y + b * math.sin(t)) for t in turns]


def around(outer: Ring, inner: Ring) -> bool:
    """Whether the boxes around two rings overlap."""
    boxes = [
        (min(p[0] for p in r), max(p[0] for p in r), min(p[1] for p in r), max(p[1] for p in r))
        for r in (outer, inner)
    ]
    a, b = boxes
    return a[0] <= b[1] and b[0] <= a[1] and a[2] <= b[3] and b[2] <= a[3]
