"""JSON of the Digital Slide Archive and HistomicsUI (large_image): elements in pixels of level 0.

A document is an annotation, or a list of them. Rectangles and ellipses turn about their centres,
clockwise to the eye, by radians.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from inklings.errors import LabelError
from inklings.labels.gathered import gathered
from inklings.labels.outlines import Drawing, Outline, box, line, point, polygon
from inklings.labels.pictures import NOT_HELD, Files, Picture, dropped, rounded
from inklings.labels.qupath import UNNAMED
from inklings.labels.shapes import ellipse, turned


def knows(document: Any) -> bool:
    """Whether a parsed document is an annotation with elements, or a list of them."""
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict):
        return False
    said = first.get("annotation", first)
    return isinstance(said, dict) and isinstance(said.get("elements"), list)


def read(document: Any) -> Drawing:
    """What is drawn on the slide that a file is named after."""
    items: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for annotation in document if isinstance(document, list) else [document]:
        said = annotation.get("annotation", annotation)
        items += [(annotation, {"name": said.get("name"), **e}) for e in said["elements"]]

    def one(item: tuple[dict[str, Any], dict[str, Any]]) -> list[Outline | str]:
        annotation, element = item
        who, when = annotation.get("creatorId") or "", annotation.get("created") or ""
        said = (element.get("label") or {}).get("value") or element.get("group")
        name = str(said or element["name"] or UNNAMED)
        return list(_shape(element, name, {"by": str(who), "at": str(when)}))

    outlines, odd = gathered(items, one, "element")
    return Drawing(tuple(outlines), tuple(odd), "slide")


def _shape(element: dict[str, Any], name: str, by: dict[str, str]) -> Iterator[Outline]:
    kind = element["type"]
    if kind == "polyline":
        if element.get("closed"):
            yield polygon(name, [element["points"], *element.get("holes", ())], **by)
        else:
            places = line(element["points"])
            yield Outline(name, (places,), "line", annotator=by["by"], time=by["at"])
        return
    if kind == "arrow":
        raise LabelError("an arrow, which has no inside")
    x, y = element["center"][:2]
    degrees = math.degrees(element.get("rotation") or 0)
    if kind == "point":
        yield point(name, (x, y), **by)
    elif kind in ("rectangle", "ellipse", "circle"):
        a = element.get("width", 2 * element.get("radius", 0)) / 2
        b = element.get("height", 2 * element.get("radius", 0)) / 2
        low, high = (x - a, y - b), (x + a, y + b)
        upright = box(name, low, high, **by)
        if kind == "rectangle" and not degrees:
            yield upright
            return
        corners = [low, (x + a, y - b), high, (x - a, y + b)]
        shape = corners if kind == "rectangle" else ellipse([low, high])
        yield polygon(name, [turned(shape, (x, y), degrees)], **by)
    else:
        raise LabelError(f"an element of type {kind!r}, which has no outline")


def write(pictures: Sequence[Picture]) -> Files:
    """``<case>.json``: an annotation a slide; parts of an object as elements of their own."""
    lost = Counter[str]()
    content = {}
    for picture in pictures:
        elements = []
        for one in picture.outlines:
            lost.update(k for k in ("annotator", "time") if getattr(one, k))
            if one.kind == "choice":
                lost[NOT_HELD["choice"]] += 1
                continue
            if one.parts:
                lost["that parts are one object"] += 1
            elements += [
                {"group": one.name, "label": {"value": one.name}, **shape}
                for shape in _written(one)
            ]
        said = {"name": "inklings", "description": picture.file, "elements": elements}
        content[f"{picture.id}.json"] = json.dumps(said).encode()
    return Files(content, dropped(lost))


def _written(one: Outline) -> Iterator[dict[str, Any]]:
    def flat(ring: Sequence[tuple[float, float]]) -> list[list[float]]:
        return [[*rounded((x + 0.5, y + 0.5)), 0] for y, x in ring]

    if one.kind == "point":
        yield {"type": "point", "center": flat(one.rings[0])[0]}
    elif one.kind == "box":
        (y0, x0), (y1, x1) = one.rings[0]
        x, y, w, h = rounded(((x0 + x1) / 2 + 0.5, (y0 + y1) / 2 + 0.5, x1 - x0, y1 - y0))
        yield {"type": "rectangle", "center": [x, y, 0], "width": w, "height": h, "rotation": 0}
    elif one.kind == "line":
        yield {"type": "polyline", "closed": False, "points": flat(one.rings[0])}
    else:
        for outer, *holes in one.polygons:
            cut = {"holes": [flat(hole) for hole in holes]} if holes else {}
            yield {"type": "polyline", "closed": True, "points": flat(outer), **cut}
