"""GeoJSON (RFC 7946) that grows region by region, as QuPath reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

from inklings.labels.qupath import CORNER, ORIGIN
from inklings.predictions.heatmaps.colours import colours
from inklings.predictions.heatmaps.outlines import RegionOutline


class Features:
    """Writes outlines in pixels of level 0, ``(x, y)`` from the outer corner of a pixel.

    That pixel is the first that was scanned, from which QuPath counts; the collection says so
    (`ORIGIN`) and which one it is (`CORNER`).

    Args:
        file: Open for writing.
        classes: Their names.
        factor: Pixels of level 0 to a sample of the map, ``(y, x)``.
        shape: Pixels of level 0; outlines are cut there.
        spacing_um: Of level 0; None where unknown, and then areas are in pixels.
        corner: The first pixel that was scanned, ``(y, x)``.
    """

    def __init__(
        self,
        file: TextIO,
        classes: Sequence[str],
        factor: tuple[float, float],
        shape: tuple[int, int],
        spacing_um: tuple[float, float] | None,
        corner: tuple[int, int] = (0, 0),
    ) -> None:
        self._file = file
        self._kinds: list[dict[str, Any]] = [
            {"name": name, "color": list(colour)}
            for name, colour in zip(classes, colours(classes), strict=True)
        ]
        self._factor = np.array(factor)
        self._shape = np.array(shape)
        self._spacing_um = spacing_um
        self.count = 0
        """Regions written so far."""
        self._corner = np.array(corner)
        head = {"type": "FeatureCollection", ORIGIN: "bounds", CORNER: [corner[1], corner[0]]}
        file.write(json.dumps(head)[:-1] + ', "features": [')

    def add(self, outline: RegionOutline) -> None:
        """Write one region."""
        pixels = outline.samples * float(np.prod(self._factor))
        um = self._spacing_um
        area = {"Area px^2": pixels} if um is None else {"Area mm^2": pixels * um[0] * um[1] / 1e6}
        feature = {
            "type": "Feature",
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    (np.minimum(ring * self._factor, self._shape) - self._corner)[:, ::-1]
                    .round(2)
                    .tolist()
                    for ring in outline.rings
                ],
            },
            "properties": {
                "objectType": "annotation",
                "classification": self._kinds[outline.code - 1],
                "measurements": area,
            },
        }
        self._file.write(",\n" if self.count else "\n")
        self._file.write(json.dumps(feature))
        self.count += 1

    def close(self) -> None:
        """Write the end; the file stays open."""
        self._file.write("\n]}\n")
