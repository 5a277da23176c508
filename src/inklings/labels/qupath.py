"""GeoJSON (RFC 7946) as QuPath and others export it: features with a geometry and a class.

Polygons may have holes, several polygons may be one object; the class is
``properties.classification.name``. See https://qupath.readthedocs.io (Exporting annotations).
QuPath counts from the first pixel that was scanned, where a slide says which that is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from inklings.errors import LabelError
from inklings.labels.gathered import gathered
from inklings.labels.kinds import Ring
from inklings.labels.outlines import Drawing, Origin, Outline, line, placed, point, polygon, united
from inklings.labels.pictures import NOT_HELD, Files, Picture, dropped, rounded

UNNAMED = "annotation"
"""What an outline without a class is called."""

ORIGIN = "inklings:origin"
"""Member of a collection that says where its coordinates count from: bounds or slide."""
CORNER = "inklings:corner"
"""Member that says which pixel of level 0 that is where they count from the bounds, ``[x, y]``."""

_SHAPES = (
    "Polygon", "MultiPolygon", "Point", "MultiPoint", "LineString", "MultiLineString",
    "GeometryCollection",
)  # fmt: skip
_NO_MARK = ("tmaCore", "root")


def write(pictures: Sequence[Picture], origin: Origin = "bounds") -> Files:
    """``<case>.geojson``: a feature an object; what QuPath has no word for stands in metadata."""
    lost = Counter[str]()
    content = {}
    for picture in pictures:
        held = [one for one in picture.outlines if one.kind != "choice"]
        lost.update(NOT_HELD["choice"] for one in picture.outlines if one.kind == "choice")
        y, x = picture.corner if origin == "bounds" else (0, 0)
        features = [_feature(placed(one, (-y, -x))) for one in held]
        said = {ORIGIN: origin, **({CORNER: [x, y]} if origin == "bounds" else {})}
        collection = {"type": "FeatureCollection", **said, "features": features}
        content[f"{picture.id}.geojson"] = (json.dumps(collection) + "\n").encode()
    return Files(content, dropped(lost))


def _feature(one: Outline) -> dict[str, Any]:
    def places(ring: Ring) -> list[list[float]]:
        return [list(rounded((x + 0.5, y + 0.5))) for y, x in ring]

    if one.kind == "box":
        (y0, x0), (y1, x1) = one.rings[0]
        polygons: tuple[tuple[Ring, ...], ...] = ((((y0, x0), (y0, x1), (y1, x1), (y1, x0)),),)
    else:
        polygons = one.polygons
    shapes = [[[*places(r), places(r)[0]] for r in rings] for rings in polygons]
    geometry: dict[str, Any] = {"type": "Polygon", "coordinates": shapes[0]}
    if one.kind == "point":
        geometry = {"type": "Point", "coordinates": places(one.rings[0])[0]}
    elif one.kind == "line":
        geometry = {"type": "LineString", "coordinates": places(one.rings[0])}
    elif len(shapes) > 1:
        geometry = {"type": "MultiPolygon", "coordinates": shapes}
    facts = {"annotator": one.annotator, "time": one.time, "kind": "box" * (one.kind == "box")}
    said = {key: value for key, value in facts.items() if value}
    properties = {"objectType": "annotation", "classification": {"name": one.name}}
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {**properties, **({"metadata": said} if said else {})},
    }


def knows(document: Any) -> bool:
    """Whether a parsed document is GeoJSON; a list is taken for one of features."""
    if isinstance(document, list):
        return all(isinstance(one, dict) and "geometry" in one for one in document[:1])
    kind = document.get("type") if isinstance(document, dict) else None
    return kind in ("FeatureCollection", "Feature", *_SHAPES)


def geojson(document: Any) -> Drawing:
    """Outlines of a parsed document: a collection, a list, a feature, or a bare geometry.

    Raises:
        LabelError: If it is none of these.
    """
    outlines, odd = gathered(_features(document), _outlines, "feature", _name)
    said = document if isinstance(document, dict) else {}
    if said.get(ORIGIN) == "slide":
        return Drawing(tuple(outlines), tuple(odd), "slide")
    x, y = said.get(CORNER, (0, 0))
    return Drawing(tuple(outlines), tuple(odd), "bounds", corner=(float(y), float(x)))


def _features(document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "FeatureCollection":
        found = document.get("features")
        if isinstance(found, list | None):
            return found or []
        raise LabelError(f"expected a list of features, got {type(found).__name__}")
    if kind == "Feature":
        return [document]
    if kind in _SHAPES:
        return [{"geometry": document}]
    raise LabelError(f"expected GeoJSON with features, as QuPath exports it, got type {kind!r}")


def _outlines(feature: Any) -> Iterator[Outline | str]:
    """What a feature outlines, and in words what of it is no outline."""
    if not isinstance(feature, dict):
        raise LabelError(f"a {type(feature).__name__}, not an object")
    name = _name(feature)
    kind = _properties(feature).get("objectType")
    if kind in _NO_MARK:
        raise LabelError(f"a {kind}, which is no annotation")
    geometry = feature.get("geometry")
    if geometry is None:
        raise LabelError("no geometry")
    plane = geometry.get("plane") if isinstance(geometry, dict) else None
    if isinstance(plane, dict) and (plane.get("z") or plane.get("t")):
        raise LabelError(f"on plane z={plane.get('z', 0)}, t={plane.get('t', 0)} of a stack")
    facts = _properties(feature).get("metadata")
    said = facts if isinstance(facts, dict) else {}
    who, when = str(said.get("annotator") or ""), str(said.get("time") or "")
    for one in _shapes(geometry, name):
        if isinstance(one, str):
            yield one
        elif said.get("kind") == "box" and one.kind == "polygon":
            (y0, x0), (y1, x1) = min(one.rings[0]), max(one.rings[0])
            yield Outline(name, (((y0, x0), (y1, x1)),), "box", annotator=who, time=when)
        else:
            yield replace(one, annotator=who, time=when)


def _shapes(geometry: Any, name: str) -> Iterator[Outline | str]:
    kind, places = geometry.get("type"), geometry.get("coordinates")
    if kind == "GeometryCollection":
        for part in geometry.get("geometries") or ():
            yield from _shapes(part, name)
    elif kind not in _SHAPES:
        raise LabelError(f"expected polygons or points, got a geometry of type {kind!r}")
    elif not places:
        raise LabelError(f"a {kind} without coordinates")
    elif kind in ("LineString", "MultiLineString"):
        for way in [places] if kind == "LineString" else places:
            yield Outline(name, (line(way),), "line")
    elif kind == "Polygon":
        yield polygon(name, places)
    elif kind == "MultiPolygon":
        yield united(name, [polygon(name, rings) for rings in places])
    else:
        for place in [places] if kind == "Point" else places:
            yield point(name, place)


def _properties(feature: Any) -> dict[str, Any]:
    found = feature.get("properties") if isinstance(feature, dict) else None
    return found if isinstance(found, dict) else {}


def _name(feature: Any) -> str:
    properties = _properties(feature)
    classification = properties.get("classification")
    if isinstance(classification, dict):
        names = classification.get("names")
        named = classification.get("name") or (": ".join(map(str, names)) if names else None)
        if named:
            return str(named)
    if isinstance(classification, str) and classification:
        return classification
    return str(properties.get("name") or UNNAMED)
