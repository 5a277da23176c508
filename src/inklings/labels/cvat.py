"""CVAT's XML for images 1.1: shapes and tags of the images of a task.

Places count from the corner of the image. A turned box or ellipse is turned about its centre,
clockwise by degrees. Masks are runs along the rows of their own box, first of samples outside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np

from inklings.errors import LabelError
from inklings.labels.gathered import gathered
from inklings.labels.outlines import Drawing, Outline, box, line, point, polygon
from inklings.labels.pictures import Files, Picture, dropped, rounded
from inklings.labels.shapes import ellipse, turned
from inklings.labels.trace import polygons_of


def split(root: Any) -> Iterator[tuple[str, bytes]]:
    """Name of every image, and a document of that image alone.

    Raises:
        LabelError: If the document is one of videos.
    """
    if root.find("track") is not None:
        raise LabelError("expected CVAT for images 1.1, got tracks of a video; export images")
    for image in root.iter("image"):
        alone = ElementTree.Element(root.tag)
        alone.append(image)
        yield str(image.get("name")), bytes(ElementTree.tostring(alone))


def read(root: Any) -> Drawing:
    """What is drawn on the only image of a document.

    Raises:
        LabelError: If it is of several images.
    """
    images = root.findall("image")
    if len(images) != 1:
        raise LabelError(f"expected annotations of one image, got {len(images)} images")
    lost = Counter[str]()

    def one(shape: Any) -> list[Outline | str]:
        lost.update(f"attribute {a.get('name')}" for a in shape.iter("attribute"))
        lost.update(flag for flag in ("occluded", "group_id") if shape.get(flag, "0") != "0")
        return list(_shape(shape))

    outlines, odd = gathered(list(images[0]), one, "shape")
    size = (int(images[0].get("height")), int(images[0].get("width")))
    return Drawing(tuple(outlines), tuple(odd), size=size, lost=dropped(lost))


def _shape(shape: Any) -> Iterator[Outline]:
    name, degrees = str(shape.get("label")), float(shape.get("rotation") or 0)

    def of(*keys: str) -> list[float]:
        return [float(shape.get(key)) for key in keys]

    if shape.tag == "box":
        x0, y0, x1, y1 = of("xtl", "ytl", "xbr", "ybr")
        upright = box(name, (x0, y0), (x1, y1))
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        centre = ((x0 + x1) / 2, (y0 + y1) / 2)
        yield polygon(name, [turned(corners, centre, degrees)]) if degrees else upright
    elif shape.tag == "ellipse":
        x, y, a, b = of("cx", "cy", "rx", "ry")
        yield polygon(name, [turned(ellipse([(x - a, y - b), (x + a, y + b)]), (x, y), degrees)])
    elif shape.tag == "polygon":
        yield polygon(name, [_places(shape)])
    elif shape.tag == "polyline":
        yield Outline(name, (line(_places(shape)),), "line")
    elif shape.tag == "points":
        yield from (point(name, place) for place in _places(shape))
    elif shape.tag == "mask":
        yield _mask(name, shape)
    elif shape.tag == "tag":
        yield Outline(name, kind="choice")
    else:
        raise LabelError(f"a {shape.tag}, which is no shape of a plane")


def _places(shape: Any) -> list[tuple[float, float]]:
    pairs = [pair.split(",") for pair in shape.get("points").split(";") if pair.strip()]
    return [(float(x), float(y)) for x, y in pairs]


def _mask(name: str, shape: Any) -> Outline:
    left, top, width, height = (int(shape.get(k)) for k in ("left", "top", "width", "height"))
    runs = np.array([int(run) for run in shape.get("rle").split(",")], np.int64)
    if (runs < 0).any() or runs.sum() != width * height:
        raise LabelError(f"run lengths of {runs.sum()} samples for a mask of {width} x {height}")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    outer, *parts = polygons_of(flat.reshape(height, width), (top, left)) or [()]
    if not outer:
        raise LabelError("run lengths without a sample")
    return Outline(name, outer, parts=tuple(parts))


def write(pictures: Sequence[Picture]) -> Files:
    """``annotations.xml``: outlines with holes or of several parts as masks."""
    lost = Counter[str]()
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    for number, picture in enumerate(pictures):
        lost.update(k for o in picture.outlines for k in ("annotator", "time") if getattr(o, k))
        lost.update(
            "what is not there (a tag says only what is)"
            for one in picture.outlines
            if one.kind == "choice" and not one.present
        )
        image = ElementTree.SubElement(
            root, "image", id=str(number), name=picture.file, width=str(picture.size[1]),
            height=str(picture.size[0]),
        )  # fmt: skip
        for one in picture.outlines:
            if one.present:
                tag, said = _written(one, picture)
                ElementTree.SubElement(image, tag, {"label": one.name, "source": "manual", **said})
    ElementTree.indent(root)
    text = bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
    return Files({"annotations.xml": text}, dropped(lost))


def _written(one: Outline, picture: Picture) -> tuple[str, dict[str, str]]:
    shown = {"occluded": "0", "z_order": "0"}
    if one.kind == "choice":
        return "tag", {}
    if one.kind == "box":
        values = rounded([v + 0.5 for y, x in one.rings[0] for v in (x, y)])
        keys = ("xtl", "ytl", "xbr", "ybr")
        return "box", {**shown, **{k: str(v) for k, v in zip(keys, values, strict=True)}}
    if one.parts or len(one.rings) > 1:
        where, inside = picture.window(one)
        flat = inside.ravel()
        ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        runs = [*([0] if flat[0] else []), *np.diff([0, *ends, flat.size]).tolist()]
        box_of = {
            "left": where[1].start, "top": where[0].start,
            "width": inside.shape[1], "height": inside.shape[0],
        }  # fmt: skip
        told = {key: str(value) for key, value in box_of.items()}
        return "mask", {**shown, "rle": ", ".join(map(str, runs)), **told}
    places = [rounded((x + 0.5, y + 0.5)) for y, x in one.rings[0]]
    tags = {"polygon": "polygon", "line": "polyline", "point": "points"}
    return tags[one.kind], {**shown, "points": ";".join(f"{x},{y}" for x, y in places)}
