"""Objects as polygons (RFC 7946) in pixels, as QuPath and other viewers read them."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from inklings.errors import SpecError
from inklings.exports.bag_tiles import THRESHOLD, require_threshold, write_tiles
from inklings.exports.drawings import Annotations, predicted
from inklings.exports.source import ExportSource
from inklings.files import written
from inklings.labels import qupath
from inklings.labels.outlines import Origin
from inklings.labels.qupath import CORNER, ORIGIN
from inklings.predictions.head import Kind


class GeoJson(Annotations):
    """``<case>.geojson``: one feature an object, in pixels ``(x, y)`` from the image's corner.

    An outline runs along the edges of its samples: the centre of the first sample of the
    image is at (0.5, 0.5). Holes are rings of their own. Slides were outlined when they were
    predicted, region by region in pixels of level 0; those files are copied, and only guaranteed
    masks outlined anew. Of bags of tiles: `inklings.exports.bag_tiles.write_tiles`.

    Args:
        origin: Where coordinates on slides count from: ``bounds``, the first pixel that was
            scanned, as QuPath does, or ``slide``, its corner. Each file says which.
        threshold: Of bags: probability from which a tile is called; .3 by default.
    """

    of: tuple[Kind, ...] = ("dense", "bags")

    def __init__(self, origin: Origin = "bounds", threshold: float | None = None) -> None:
        if origin not in ("bounds", "slide"):
            raise SpecError(f"--origin: expected bounds or slide, got {origin!r}")
        super().__init__(partial(qupath.write, origin=origin))
        self.origin, self.threshold = origin, threshold

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write one file a case into ``out``, or two a slide of bags."""
        if source.there.kind == "bags":
            threshold = THRESHOLD if self.threshold is None else self.threshold
            require_threshold(threshold)
            return write_tiles(source, out, threshold, self.origin)
        if self.threshold is not None:
            raise SpecError("--threshold: of images it was said in the prediction; leave it out")
        for case in source.slides:
            with written(out / f"{case}.geojson") as path, source.outlined(case) as drawn:
                self.copy(drawn, path)
        return self.drawn(list(predicted(source.pictures())), out)

    def copy(self, drawn: Path, path: Path) -> None:
        """The outlines of a slide, moved where they are to count from its corner."""
        if self.origin == "bounds":
            shutil.copyfile(drawn, path)
            return
        collection = json.loads(drawn.read_bytes())
        x, y = collection.pop(CORNER, (0, 0))
        for feature in collection["features"]:
            shape = feature["geometry"]
            shape["coordinates"] = [
                [[a + x, b + y] for a, b in ring] for ring in shape["coordinates"]
            ]
        path.write_text(json.dumps({**collection, ORIGIN: "slide"}) + "\n", encoding="utf-8")


def polygons(objects: NDArray[Any]) -> list[list[NDArray[np.float64]]]:
    """Rings of every object, the outer one first, each ``(N, 2)`` of ``(x, y)``, closed.

    An object of several parts gives several polygons.
    """
    found = []
    for number, box in enumerate(ndimage.find_objects(objects.astype(np.int32)), 1):
        if box is None:
            continue
        parts, count = ndimage.label(objects[box] == number)
        corner = np.array([box[1].start, box[0].start])
        found += [_rings(parts == part, corner) for part in range(1, count + 1)]
    return found


def _rings(mask: NDArray[np.bool_], corner: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    loops = find_contours(np.pad(mask, 1).astype(float), 0.5)  # type: ignore[no-untyped-call]
    rings = [loop[:, ::-1] - 0.5 + corner for loop in loops]
    rings.sort(key=lambda ring: -abs(signed_area(ring)))
    # RFC 7946: the outer ring counter-clockwise, holes clockwise.
    return [
        ring if (signed_area(ring) > 0) == (i == 0) else ring[::-1] for i, ring in enumerate(rings)
    ]


def signed_area(ring: NDArray[np.float64]) -> float:
    """Area of a closed ring ``(N, 2)``, positive if x turns towards y (shoelace formula)."""
    x, y = ring.T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)
