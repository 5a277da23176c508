"""ASAP's XML: annotations with coordinates, each part of a named group (CAMELYON).

Polygons, splines (taken as polygons of their knots) and rectangles are outlines, dots and point
sets are points. What CAMELYON16 calls ``_2`` are holes: give ``_2`` the name `outlines.HOLE`.
ASAP counts from the corner of the slide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from inklings.errors import LabelError
from inklings.labels.gathered import gathered
from inklings.labels.outlines import HOLE, Drawing, Outline, box, point, ring
from inklings.labels.pictures import NOT_HELD, Files, Picture, dropped, rounded

_OUTLINES = ("Polygon", "Spline", "Rectangle")
_POINTS = ("Dot", "PointSet")


def asap(root: Any) -> Drawing:
    """Outlines of a parsed document; the class is the group, or the name where there is none."""
    outlines, odd = gathered(root.iter("Annotation"), _outlines, "annotation", _name)
    return Drawing(tuple(outlines), tuple(odd), "slide")


def _name(annotation: Any) -> str:
    group = str(annotation.get("PartOfGroup") or "None")
    return group if group != "None" else str(annotation.get("Name") or group)


def _outlines(annotation: Any) -> list[Outline]:
    name = _name(annotation)
    ordered = sorted(annotation.iter("Coordinate"), key=lambda c: float(c.get("Order", 0)))
    points = [(c.get("X"), c.get("Y")) for c in ordered]
    kind = annotation.get("Type")
    if kind == "Rectangle" and len(points) == 4:
        xs, ys = zip(*((float(x), float(y)) for x, y in points), strict=True)
        if len(set(xs)) == len(set(ys)) == 2:
            return [box(name, (min(xs), min(ys)), (max(xs), max(ys)))]
    if kind in _OUTLINES and len(points) > 2:
        return [Outline(name, (ring(points),))]
    if kind in _POINTS and points:
        return [point(name, place) for place in points]
    if kind == "Measurement":
        raise LabelError("a measurement, which has no inside")
    if kind in (*_OUTLINES, *_POINTS):
        raise LabelError(f"an outline of {len(points)} corners")
    raise LabelError(f"expected {', '.join((*_OUTLINES, *_POINTS))}, got {kind!r}")


def write(pictures: Sequence[Picture]) -> Files:
    """``<case>.xml``: holes as outlines of the group ``hole``, which is cut out of all others."""
    lost = Counter[str]()
    content = {}
    for picture in pictures:
        root = ElementTree.Element("ASAP_Annotations")
        every = ElementTree.SubElement(root, "Annotations")
        groups: dict[str, None] = {}
        for one in picture.outlines:
            lost.update(k for k in ("annotator", "time") if getattr(one, k))
            lost.update(["that parts are one object"] if one.parts else [])
            if one.kind in ("line", "choice"):
                lost[NOT_HELD[one.kind]] += 1
                continue
            for kind, name, places in _written(one):
                groups[name] = None
                number = str(len(every))
                annotation = ElementTree.SubElement(
                    every, "Annotation", Name=f"Annotation {number}", Type=kind, PartOfGroup=name,
                    Color="#F4FA58",
                )  # fmt: skip
                corners = ElementTree.SubElement(annotation, "Coordinates")
                for k, (y, x) in enumerate(places):
                    at = dict(zip("XY", map(str, rounded((x + 0.5, y + 0.5))), strict=True))
                    ElementTree.SubElement(corners, "Coordinate", {"Order": str(k), **at})
        named = ElementTree.SubElement(root, "AnnotationGroups")
        for name in groups:
            ElementTree.SubElement(named, "Group", Name=name, PartOfGroup="None", Color="#64FE2E")
        ElementTree.indent(root)
        text = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
        content[f"{picture.id}.xml"] = bytes(text)
    return Files(content, dropped(lost))


def _written(one: Outline) -> Iterator[tuple[str, str, Sequence[tuple[float, float]]]]:
    if one.kind == "point":
        yield "Dot", one.name, one.rings[0]
    elif one.kind == "box":
        (y0, x0), (y1, x1) = one.rings[0]
        yield "Rectangle", one.name, ((y0, x0), (y0, x1), (y1, x1), (y1, x0))
    else:
        for outer, *holes in one.polygons:
            yield "Polygon", one.name, outer
            yield from (("Polygon", HOLE, hole) for hole in holes)
