"""Aperio ImageScope's XML: layers (``Annotation``) of regions, each a list of vertices.

Region types: 0 freehand and 1 rectangle are outlines, 2 is an ellipse given by its box, 5 a
point; 3 (arrows) and 4 (rulers) have no inside. A region with ``NegativeROA="1"`` is a hole in the
others of its layer.
"""

from __future__ import annotations

from typing import Any

from inklings.labels.outlines import Outline, Ring, around, ellipse, ring
from inklings.labels.qupath import UNNAMED

_OUTLINES, _ELLIPSE, _POINT = ("0", "1"), "2", "5"


def aperio(root: Any) -> list[Outline]:
    """Outlines of a parsed document.

    The class is the name of the layer, or where that is empty its first attribute, or the text of
    the region.
    """
    found = []
    for layer in root.iter("Annotation"):
        shapes: list[tuple[str, Ring]] = []
        holes: list[Ring] = []
        for region in layer.iter("Region"):
            corners = _corners(region)
            if corners and region.get("NegativeROA") == "1":
                holes.append(corners)
            elif corners:
                shapes.append((_name(layer, region), corners))
        for name, outer in shapes:
            inside = tuple(h for h in holes if len(outer) > 2 and around(outer, h))
            found.append(Outline(name, (outer, *inside)))
    return found


def _corners(region: Any) -> Ring:
    points = [(v.get("X"), v.get("Y")) for v in region.iter("Vertex")]
    kind = region.get("Type", "0")
    if kind in _OUTLINES and len(points) == 2:  # a rectangle by its diagonal
        (x0, y0), (x1, y1) = points
        points = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    if kind in _OUTLINES and len(points) > 2:
        return ring(points)
    if kind == _ELLIPSE and len(points) > 1:
        return ring(ellipse(points))
    return ring(points[:1]) if kind == _POINT and points else ()


def _name(layer: Any, region: Any) -> str:
    attribute = next((a.get("Value") for a in layer.iter("Attribute") if a.get("Value")), None)
    return str(layer.get("Name") or attribute or region.get("Text") or UNNAMED)
