"""Pascal VOC's XML (Everingham et al. 2010): boxes of one image.

Its pixels are numbered from 1, and the last one belongs to the box: 1 to 10 is ten pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from inklings.labels.gathered import gathered
from inklings.labels.outlines import Drawing, Outline, box
from inklings.labels.pictures import NOT_HELD, Files, Picture, bounds, dropped, rounded

_FLAGS = ("difficult", "truncated", "occluded")


def named(root: Any) -> str:
    """The file name of the image."""
    return str(root.findtext("filename") or "").strip()


def read(root: Any) -> Drawing:
    """The boxes of a parsed document."""
    lost = Counter[str]()

    def one(item: Any) -> list[Outline | str]:
        lost.update(
            flag for flag in _FLAGS if (item.findtext(flag) or "0").strip() not in ("0", "")
        )
        lost.update("parts of objects" for _ in item.iter("part"))
        corners = item.find("bndbox")
        x0, y0, x1, y1 = (float(corners.findtext(k)) for k in ("xmin", "ymin", "xmax", "ymax"))
        if min(x0, y0) < 1:
            lost["boxes at pixel 0, where pixels count from 1: check for a shift by one"] += 1
        name = str(item.findtext("name") or "object").strip()
        return [box(name, (x0 - 1, y0 - 1), (x1, y1))]

    outlines, odd = gathered(root.findall("object"), one, "object")
    height, width = (int(float(root.findtext(f"size/{k}") or 0)) for k in ("height", "width"))
    size = (height, width) if height and width else None
    return Drawing(tuple(outlines), tuple(odd), size=size, lost=dropped(lost))


def write(pictures: Sequence[Picture]) -> Files:
    """``<case>.xml``: boxes; outlines become the boxes around them."""
    lost = Counter[str]()
    return Files({f"{p.id}.xml": _document(p, lost) for p in pictures}, dropped(lost))


def _document(picture: Picture, lost: Counter[str]) -> bytes:
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = picture.file
    size = ElementTree.SubElement(root, "size")
    for name, value in (("width", picture.size[1]), ("height", picture.size[0]), ("depth", 3)):
        ElementTree.SubElement(size, name).text = str(value)
    for one in picture.outlines:
        lost.update(said for said in ("annotator", "time") if getattr(one, said))
        if one.kind not in ("polygon", "box"):
            lost[NOT_HELD[one.kind]] += 1
            continue
        if one.kind == "polygon":
            lost["outlines, of which the boxes are written"] += 1
        x0, y0, x1, y1 = bounds(one)
        item = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(item, "name").text = one.name
        for flag in ("truncated", "difficult"):
            ElementTree.SubElement(item, flag).text = "0"
        corners = ElementTree.SubElement(item, "bndbox")
        sides = rounded((x0 + 1, y0 + 1, x1, y1))
        for name, number in zip(("xmin", "ymin", "xmax", "ymax"), sides, strict=True):
            ElementTree.SubElement(corners, name).text = str(number)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
