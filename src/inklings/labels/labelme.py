"""Labelme's JSON: the shapes of one image, and flags of the image as a whole.

Shapes of one label with one ``group_id`` are one object. A circle is its centre and a point on it,
a mask a PNG in the box of its two corners, which both belong to it. Flags count where one is set.
"""

from __future__ import annotations

import base64
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np
from PIL import Image as Pillow

from inklings.errors import LabelError
from inklings.labels.gathered import called, gathered
from inklings.labels.outlines import Drawing, Outline, box, line, point, polygon, united
from inklings.labels.pictures import Files, Picture, dropped, rounded
from inklings.labels.shapes import ellipse
from inklings.labels.trace import polygons_of


def knows(document: Any) -> bool:
    """Whether a parsed document is one of Labelme's."""
    return isinstance(document, dict) and {"shapes", "imagePath"} <= document.keys()


def named(document: Any) -> str:
    """The file name of the image."""
    return str(document["imagePath"])


def read(document: Any) -> Drawing:
    """What is drawn on the image of a document."""
    groups: dict[tuple[str, Any], list[Outline]] = defaultdict(list)
    of: dict[int, Any] = {}
    alone = count()

    def one(shape: dict[str, Any]) -> list[Outline | str]:
        found = list(_shape(shape))
        group = shape.get("group_id")
        if group is None or any(outline.kind != "polygon" for outline in found):
            group = f"alone {next(alone)}"
        of.update((id(outline), group) for outline in found)
        return list(found)

    kept, odd = gathered(document["shapes"], one, "shape")
    for outline in kept:
        groups[outline.name, of[id(outline)]].append(outline)
    outlines: list[Outline] = []
    for (name, _), several in groups.items():
        whole = len(several) > 1 and several[0].kind == "polygon"
        outlines += [united(name, several)] if whole else several
    flags = document.get("flags") or {}
    if any(flags.values()):
        outlines += [Outline(str(k), kind="choice", present=bool(v)) for k, v in flags.items()]
    lost = Counter(
        what for shape in document["shapes"] for what in ("flags", "description") if shape.get(what)
    )
    height, width = document.get("imageHeight"), document.get("imageWidth")
    size = (int(height), int(width)) if height and width else None
    return Drawing(tuple(outlines), tuple(odd), size=size, lost=dropped(lost))


def _shape(shape: dict[str, Any]) -> Iterator[Outline]:
    name, places = called(shape.get("label")), shape["points"]
    kind = shape.get("shape_type") or "polygon"
    if kind == "polygon":
        yield polygon(name, [places])
    elif kind == "rectangle":
        yield box(name, places[0], places[1])
    elif kind == "circle":
        (x, y), (a, b) = places
        radius = float(np.hypot(a - x, b - y))
        ends = [(x - radius, y - radius), (x + radius, y + radius)]
        yield polygon(name, [ellipse(ends)])
    elif kind in ("point", "points"):
        yield from (point(name, place) for place in places)
    elif kind in ("line", "linestrip"):
        yield Outline(name, (line(places),), "line")
    elif kind == "mask":
        yield _mask(name, places, shape["mask"])
    else:
        raise LabelError(f"a shape of type {kind!r}, which is not supported")


def _mask(name: str, places: Any, text: str) -> Outline:
    (left, top), (right, bottom) = ((round(x), round(y)) for x, y in places)
    try:
        with Pillow.open(io.BytesIO(base64.b64decode(text))) as file:
            mask = np.asarray(file) > 0
    except (OSError, ValueError) as error:
        raise LabelError(f"a mask that does not decode ({error})") from None
    if mask.shape != (bottom - top + 1, right - left + 1):
        raise LabelError(f"a mask of {mask.shape} samples between {places[0]} and {places[1]}")
    outer, *parts = polygons_of(mask, (top, left)) or [()]
    if not outer:
        raise LabelError("a mask without a sample")
    return Outline(name, outer, parts=tuple(parts))


def write(pictures: Sequence[Picture]) -> Files:
    """``<case>.json``: outlines with holes or of several parts as masks."""
    lost = Counter[str]()
    content = {}
    for picture in pictures:
        lost.update(k for o in picture.outlines for k in ("annotator", "time") if getattr(o, k))
        marks = [one for one in picture.outlines if one.kind != "choice"]
        document = {
            "version": "5.5.0",
            "flags": {o.name: o.present for o in picture.outlines if o.kind == "choice"},
            "shapes": [_written(one, picture) for one in marks],
            "imagePath": picture.file,
            "imageData": None,
            "imageHeight": picture.size[0],
            "imageWidth": picture.size[1],
        }
        content[f"{picture.id}.json"] = json.dumps(document).encode()
    return Files(content, dropped(lost))


def _written(one: Outline, picture: Picture) -> dict[str, Any]:
    said: dict[str, Any] = {"label": one.name, "group_id": None, "flags": {}, "description": ""}
    kinds = {"polygon": "polygon", "box": "rectangle", "point": "point", "line": "linestrip"}
    if one.kind == "polygon" and (one.parts or len(one.rings) > 1):
        where, inside = picture.window(one)
        file = io.BytesIO()
        Pillow.fromarray(inside).save(file, format="PNG")
        (top, bottom), (left, right) = ((side.start, side.stop - 1) for side in where)
        text = base64.b64encode(file.getvalue()).decode()
        return {
            **said, "shape_type": "mask", "points": [[left, top], [right, bottom]], "mask": text,
        }  # fmt: skip
    places = [list(rounded((x + 0.5, y + 0.5))) for y, x in one.rings[0]]
    return {**said, "shape_type": kinds[one.kind], "points": places, "mask": None}
