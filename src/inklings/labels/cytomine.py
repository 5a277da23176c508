"""JSON of Cytomine: annotations with a place in well-known text, counted from the lower left.

Terms are called by their names where the file has them (``termName``), else by their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from inklings.errors import LabelError
from inklings.labels.gathered import gathered
from inklings.labels.kinds import Ring
from inklings.labels.outlines import Drawing, Outline, sane
from inklings.labels.qupath import UNNAMED


def _items(document: Any) -> Any:
    return document.get("collection") if isinstance(document, dict) else document


def knows(document: Any) -> bool:
    """Whether a parsed document is a collection of annotations with a location."""
    items = _items(document)
    return isinstance(items, list) and all(
        isinstance(one, dict) and "location" in one for one in items[:1]
    ) and bool(items)  # fmt: skip


def read(document: Any) -> Drawing:
    """What is drawn on the image that a file is named after, as heights above its lower border."""

    def one(item: dict[str, Any]) -> list[Outline | str]:
        terms = item.get("termName") or item.get("term") or [UNNAMED]
        name = str(terms if isinstance(terms, str) else terms[0])
        who, when = str(item.get("user") or ""), str(item.get("created") or "")
        shapes = _shape(str(item["location"]), name)
        return [replace(shape, annotator=who, time=when) for shape in shapes]

    outlines, odd = gathered(_items(document), one, "annotation")
    return Drawing(tuple(outlines), tuple(odd), "slide", upwards=True)


def _shape(text: str, name: str) -> Iterator[Outline]:
    kind = text.split("(")[0].strip().upper()
    if text.count("(") != text.count(")"):
        raise LabelError("a location that ends within brackets")
    if kind == "POLYGON":
        yield Outline(name, _rings(text))
    elif kind == "MULTIPOLYGON":
        every = [_rings(part) for part in re.split(r"\)\s*\)\s*,\s*\(\s*\(", text[len(kind) :])]
        yield Outline(name, every[0], parts=tuple(every[1:]))
    elif kind == "POINT":
        yield Outline(name, (_ring(text),), "point")
    elif kind == "LINESTRING":
        yield Outline(name, (_ring(text),), "line")
    else:
        raise LabelError(f"a location {text[:30]!r}, which is no polygon, point or line")


def _rings(text: str) -> tuple[Ring, ...]:
    inner = text[text.find("(") + 1 :] if text.strip()[:1] not in "(0123456789-" else text
    rings = tuple(_ring(part) for part in re.split(r"\)\s*,\s*\(", inner))
    if len(rings[0]) < 3:
        raise LabelError(f"an outline of {len(rings[0])} corners")
    return tuple(ring for ring in rings if len(ring) > 2)


def _ring(text: str) -> Ring:
    pairs = [pair.split() for pair in text[text.rfind("(") + 1 :].rstrip(") ").split(",")]
    places = sane(tuple((float(y), float(x)) for x, y in pairs))
    return places[:-1] if len(places) > 1 and places[0] == places[-1] else places
