"""Outlines of a layer as GeoJSON, in pixels of the image from its outer corner."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import approximate_polygon, find_contours

from inklings.cohorts.case import Case
from inklings.geometry import Region
from inklings.viewer.layers import UNKNOWN, Layer, Layers

LONGEST = 2048
"""Samples of the longer side at which a layer is outlined; larger ones are made coarser."""


def contours(layers: Layers, case: Case, layer: Layer) -> dict[str, Any]:
    """A feature collection: a ring for each object, its class in ``properties.class``."""
    shrink = max(layer.height, layer.width) / LONGEST
    factor = 1 if shrink <= 1 else 2 ** math.ceil(math.log2(shrink))
    objects = layers.objects(case, layer) if factor == 1 and layer.kind == "codes" else None
    size = (math.ceil(layer.height / factor), math.ceil(layer.width / factor))
    codes = layers.read(case, layer, factor, Region((0, 0), size))
    codes = np.where(codes == UNKNOWN, 0, codes)
    image_width = layers.width(case)
    scale = factor * image_width * layer.span / layer.width
    numbered = _numbered(codes) if objects is None else objects
    features = [
        {
            "type": "Feature",
            "properties": {"class": layer.classes[code - 1]},
            "geometry": {"type": "Polygon", "coordinates": [(ring * scale).round(2).tolist()]},
        }
        for code, ring in class_rings(codes, numbered)
    ]
    return {"type": "FeatureCollection", "features": features}


def _numbered(codes: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Connected pieces; two classes never share one."""
    out = np.zeros(codes.shape, np.int32)
    for code in range(1, int(codes.max(initial=0)) + 1):
        found, _ = ndimage.label(codes == code)
        out += np.where(found > 0, found + out.max(initial=0), 0).astype(np.int32)
    return out


def rings(mask: NDArray[np.bool_]) -> Iterator[NDArray[np.float64]]:
    """A closed ring ``(n, 2)`` as ``(x, y)`` around each connected piece, and each hole in it."""
    codes = mask.astype(np.uint8)
    for _, ring in class_rings(codes, _numbered(codes)):
        yield ring


def class_rings(
    codes: NDArray[np.uint8], numbered: NDArray[Any]
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Code and closed ring ``(n, 2)`` as ``(x, y)`` of each object, in samples of the grid."""
    for number, box in enumerate(ndimage.find_objects(numbered.astype(np.int32)), 1):
        if box is None:
            continue
        mask = numbered[box] == number
        own = codes[box][mask]
        own = own[own > 0]
        if not own.size:
            continue
        code = int(np.bincount(own).argmax())
        padded = np.pad(mask, 1).astype(np.float32)
        corner = np.array([box[0].start, box[1].start]) - 0.5
        for ring in find_contours(padded, 0.5):  # type: ignore[no-untyped-call]
            points = approximate_polygon(ring, 0.3)  # type: ignore[no-untyped-call]
            if len(points) > 3:
                yield code, (points + corner)[:, ::-1]
