"""QuPath's GeoJSON: a collection of features, each a geometry with a classification.

Polygons may have holes, several polygons may be one object; the class is
``properties.classification.name``. See https://qupath.readthedocs.io (Exporting annotations).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inklings.errors import LabelError
from inklings.labels.outlines import Outline, ring

UNNAMED = "annotation"
"""What an outline without a class is called."""


def qupath(document: Any) -> list[Outline]:
    """Outlines of a parsed document; lines have no inside and are left out.

    Raises:
        LabelError: If it is no GeoJSON of features.
    """
    if isinstance(document, dict) and document.get("type") == "FeatureCollection":
        features = document["features"]
    elif isinstance(document, dict) and document.get("type") == "Feature":
        features = [document]
    elif isinstance(document, list):
        features = document
    else:
        raise LabelError("expected GeoJSON with features, as QuPath exports it")
    return [one for feature in features for one in _outlines(feature)]


def _outlines(feature: Any) -> Iterator[Outline]:
    if not isinstance(feature, dict) or not isinstance(feature.get("geometry"), dict):
        raise LabelError("expected features with a geometry, as QuPath exports them")
    name = _name(feature.get("properties") or {})
    kind, places = feature["geometry"].get("type"), feature["geometry"].get("coordinates")
    if kind == "Polygon":
        yield Outline(name, tuple(ring(part) for part in places))
    elif kind == "MultiPolygon":
        for polygon in places:
            yield Outline(name, tuple(ring(part) for part in polygon))
    elif kind == "Point":
        yield Outline(name, (ring([places]),))
    elif kind == "MultiPoint":
        for place in places:
            yield Outline(name, (ring([place]),))
    elif kind not in ("LineString", "MultiLineString"):
        raise LabelError(f"expected polygons or points, got a geometry of type {kind!r}")


def _name(properties: dict[str, Any]) -> str:
    classification = properties.get("classification")
    if isinstance(classification, dict):
        names = classification.get("names")
        named = classification.get("name") or (": ".join(names) if names else None)
        if named:
            return str(named)
    if isinstance(classification, str) and classification:
        return classification
    return str(properties.get("name") or UNNAMED)
