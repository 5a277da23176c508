"""ASAP's XML: annotations with coordinates, each part of a named group (CAMELYON).

Polygons, splines (taken as polygons of their knots) and rectangles are outlines, dots and point
sets are points. What CAMELYON16 calls ``_2`` are holes: give ``_2`` the name `outlines.HOLE`.
ASAP counts from the corner of the slide.
"""

from __future__ import annotations

from typing import Any

from inklings.errors import LabelError
from inklings.labels.outlines import Drawing, Outline, point, ring

_OUTLINES = ("Polygon", "Spline", "Rectangle")
_POINTS = ("Dot", "PointSet")


def asap(root: Any) -> Drawing:
    """Outlines of a parsed document; the class is the group, or the name where there is none."""
    found: list[Outline] = []
    odd: list[str] = []
    for number, annotation in enumerate(root.iter("Annotation"), 1):
        group = annotation.get("PartOfGroup") or "None"
        name = group if group != "None" else str(annotation.get("Name") or group)
        try:
            found += _outlines(annotation, name)
        except LabelError as error:
            odd.append(f"annotation {number} ({name}): {error}")
        except (ValueError, TypeError):
            odd.append(f"annotation {number} ({name}): coordinates are no numbers")
    return Drawing(tuple(found), tuple(odd), "slide")


def _outlines(annotation: Any, name: str) -> list[Outline]:
    ordered = sorted(annotation.iter("Coordinate"), key=lambda c: float(c.get("Order", 0)))
    points = [(c.get("X"), c.get("Y")) for c in ordered]
    kind = annotation.get("Type")
    if kind in _OUTLINES and len(points) > 2:
        return [Outline(name, (ring(points),))]
    if kind in _POINTS and points:
        return [point(name, place) for place in points]
    if kind == "Measurement":
        raise LabelError("a measurement, which has no inside")
    if kind in (*_OUTLINES, *_POINTS):
        raise LabelError(f"an outline of {len(points)} corners")
    raise LabelError(f"expected {', '.join((*_OUTLINES, *_POINTS))}, got {kind!r}")
