"""XML of Aperio ImageScope, and of HALO: layers (``Annotation``) of regions with vertices.

ImageScope numbers its regions: 0 freehand and 1 rectangle are outlines, 2 is an ellipse given by
its box, 5 a point; 3 (arrows) and 4 (rulers) have no inside. HALO names them: Polygon, Rectangle
and Ellipse by two corners, Pin, Ruler. A region whose ``NegativeROA`` is 1 or true is a hole in
the others of its layer. Both count from the corner of the slide.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from inklings.errors import LabelError
from inklings.labels.gathered import gathered
from inklings.labels.kinds import Ring
from inklings.labels.outlines import Drawing, Kind, Outline, around, ring
from inklings.labels.qupath import UNNAMED
from inklings.labels.shapes import ellipse

_OUTLINES, _ELLIPSES = ("0", "1", "polygon", "rectangle", "freehand"), ("2", "ellipse")
_POINTS, _LINES = ("5", "pin"), {"3": "an arrow", "4": "a ruler", "ruler": "a ruler"}


def aperio(root: Any) -> Drawing:
    """Outlines of a parsed document.

    The class is the name of the layer, or where that is empty its first attribute, or the text of
    the region.
    """
    found: list[Outline] = []
    odd: list[str] = []
    for layer in root.iter("Annotation"):
        outlines, wrong = _layer(layer)
        found += outlines
        odd += wrong
    return Drawing(tuple(found), tuple(odd), "slide")


def _layer(layer: Any) -> tuple[list[Outline], list[str]]:
    """Outlines, cut by the holes of their layer, and what is no outline."""
    holes: list[Ring] = []

    def one(region: Any) -> list[Outline]:
        corners = _corners(region)
        if str(region.get("NegativeROA")).strip().lower() in ("1", "true"):
            holes.append(corners)
            return []
        kind: Kind = "polygon" if len(corners) > 1 else "point"
        return [Outline(_name(layer, region), (corners,), kind)]

    outlines, odd = gathered(layer.iter("Region"), one, "region", lambda one: _name(layer, one))
    found = []
    used: set[int] = set()
    for outline in outlines:
        own = [
            k for k, hole in enumerate(holes)
            if outline.kind == "polygon" and around(outline.rings[0], hole)
        ]  # fmt: skip
        used.update(own)
        found.append(replace(outline, rings=(*outline.rings, *(holes[k] for k in own))))
    if lost := len(holes) - len(used):
        odd.append(f"{lost} holes of layer {_name(layer, layer)} that lie in none of its regions")
    return found, odd


def _corners(region: Any) -> Ring:
    points = [(v.get("X"), v.get("Y")) for v in region.iter() if v.tag in ("Vertex", "V")]
    kind = str(region.get("Type", "0")).strip().lower()
    if kind in _LINES:
        raise LabelError(f"{_LINES[kind]}, which has no inside")
    if kind in _POINTS and points:
        return ring(points[:1])
    if kind in _ELLIPSES and len(points) > 1:
        return ring(ellipse(points))
    if kind in _OUTLINES and len(points) == 2:  # a rectangle by its diagonal
        (x0, y0), (x1, y1) = points
        points = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    if kind in _OUTLINES and len(points) > 2:
        return ring(points)
    if kind in (*_OUTLINES, *_ELLIPSES, *_POINTS):
        raise LabelError(f"an outline of {len(points)} corners")
    raise LabelError(f"a region of type {kind!r}, which is not supported")


def _name(layer: Any, region: Any) -> str:
    attribute = next((a.get("Value") for a in layer.iter("Attribute") if a.get("Value")), None)
    return str(layer.get("Name") or attribute or region.get("Text") or UNNAMED)
