"""ASAP's XML: annotations with coordinates, each part of a named group (CAMELYON).

Polygons, splines (taken as polygons of their knots) and rectangles are outlines, dots and point
sets are points. What CAMELYON16 calls ``_2`` are holes: give ``_2`` the name `outlines.HOLE`.
"""

from __future__ import annotations

from typing import Any

from inklings.errors import LabelError
from inklings.labels.outlines import Outline, ring

_OUTLINES = ("Polygon", "Spline", "Rectangle")
_POINTS = ("Dot", "PointSet")


def asap(root: Any) -> list[Outline]:
    """Outlines of a parsed document; the class is the group, or the name where there is none.

    Raises:
        LabelError: If an annotation is of another type.
    """
    found = []
    for annotation in root.iter("Annotation"):
        group = annotation.get("PartOfGroup") or "None"
        name = group if group != "None" else str(annotation.get("Name") or group)
        ordered = sorted(annotation.iter("Coordinate"), key=lambda c: float(c.get("Order", 0)))
        points = [(c.get("X"), c.get("Y")) for c in ordered]
        kind = annotation.get("Type")
        if kind in _OUTLINES and len(points) > 2:
            found.append(Outline(name, (ring(points),)))
        elif kind in _POINTS:
            found += [Outline(name, (ring([point]),)) for point in points]
        elif kind not in _OUTLINES and kind != "Measurement":
            raise LabelError(f"expected {', '.join((*_OUTLINES, *_POINTS))}, got {kind!r}")
    return found
