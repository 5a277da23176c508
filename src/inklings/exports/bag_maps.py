"""What a model said of the tiles of slides, as maps on a stated grid."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.cohorts.opening import open_case
from inklings.errors import DataError, SpecError
from inklings.exports.bag_tiles import THRESHOLD, SlideTiles, require_threshold, slide_tiles
from inklings.exports.source import Exporter, ExportSource
from inklings.files import write_text, written
from inklings.predictions.head import Kind
from inklings.predictions.heatmaps.colours import colours
from inklings.predictions.heatmaps.overlay import colour_picture, laid_over
from inklings.readers.pyramid import Pyramid

COLUMNS = (
    "case", "slide", "class", "threshold", "tiles", "called", "highest", "width", "height",
    "pixels_a_map_pixel", "um_a_map_pixel",
)  # fmt: skip
_MOST = 1600


class TileMaps(Exporter):
    """Pictures of each slide, and ``maps.csv`` with their grid; black and clear: no tile there.

    ``raw/<class>/<slide>.png``: grey and opacity, 255 is certainty. ``thresholded/<class>/``: 255
    where the class is called. ``overlays/<slide>.png``: the slide with the classes called.

    A map pixel holds the mean of the tiles that reach into it, by the area that they share.

    Args:
        threshold: Probability from which a class is called.
        heatmap_spacing_um: Micrometres a map pixel; by default the way from tile to tile.
        heatmap_factor: Or pixels of level 0 a map pixel.
    """

    of: tuple[Kind, ...] = ("bags",)

    def __init__(
        self,
        threshold: float = THRESHOLD,
        heatmap_spacing_um: float | None = None,
        heatmap_factor: float | None = None,
    ) -> None:
        if heatmap_spacing_um is not None and heatmap_factor is not None:
            raise SpecError("expected --heatmap-spacing-um or --heatmap-factor, got both")
        for size in (heatmap_spacing_um, heatmap_factor):
            if size is not None and size <= 0:
                raise SpecError(f"expected a map pixel of more than 0, got {size:g}")
        require_threshold(threshold)
        self.threshold = threshold
        self.spacing_um, self.factor = heatmap_spacing_um, heatmap_factor

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write the maps of all slides into ``out``."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for tiles in slide_tiles(source):
            writer.writerows(self._slide(tiles, out))
        write_text(out / "maps.csv", text.getvalue())
        return out

    def _slide(self, tiles: SlideTiles, out: Path) -> Iterator[list[str]]:
        with open_case(tiles.slide) as image:
            shape, spacing = image.geometry.shape, image.geometry.spacing
            um = None if spacing is None else (spacing[0] * 1000, spacing[1] * 1000)
            step = self._step(tiles, um)
            made, known = tile_map(tiles.boxes, tiles.probability, (shape[0], shape[1]), step)
            if isinstance(image, Pyramid):
                seen = image.thumbnail(_MOST)
            else:
                seen = image.read(image.geometry.full)
        alpha = np.where(known, 255, 0).astype(np.uint8)
        called = made >= self.threshold
        for k, name in enumerate(tiles.classes):
            place = Path(safe(name)) / f"{tiles.name}.png"
            raw = np.rint(made[k] * 255).astype(np.uint8)
            _save(out / "raw" / place, np.dstack([raw * known, alpha]))
            _save(out / "thresholded" / place, np.dstack([(called[k] & known) * 255, alpha]))
            spacing_um = "" if um is None else f"{step[0] * um[0]:g} x {step[1] * um[1]:g}"
            p = tiles.probability[:, k]
            yield [
                tiles.case, tiles.name, name, f"{self.threshold:g}", str(len(p)),
                str(int((p >= self.threshold).sum())), f"{p.max():.6g}", str(known.shape[1]),
                str(known.shape[0]), f"{step[0]:g} x {step[1]:g}", spacing_um,
            ]  # fmt: skip
        codes = np.where((called & known).any(0), np.where(called, made, -1).argmax(0) + 1, 0)
        picture = colour_picture(seen.astype(np.uint8))
        over = _stretched(codes.astype(np.uint8), shape, step, picture.shape[:2])
        _save(
            out / "overlays" / f"{tiles.name}.png",
            laid_over(picture, over, colours(tiles.classes)),
        )

    def _step(self, tiles: SlideTiles, um: tuple[float, float] | None) -> tuple[float, float]:
        """Pixels of level 0 to a map pixel, ``(y, x)``."""
        if self.factor is not None:
            return self.factor, self.factor
        if self.spacing_um is None:
            return tiles.step
        if um is None:
            raise DataError(
                f"slide {tiles.name}: the pixel size is unknown; give --heatmap-factor, "
                "pixels of level 0 a map pixel"
            )
        return self.spacing_um / um[0], self.spacing_um / um[1]


def tile_map(
    boxes: NDArray[np.float64],
    values: NDArray[np.float64],
    shape: tuple[int, int],
    step: tuple[float, float],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Means of what reaches into each map pixel, by the area shared.

    Args:
        boxes: ``(N, 4)`` first row, first column, height and width in pixels of level 0.
        values: ``(N, C)``.
        shape: Pixels of level 0.
        step: Of them to a map pixel, ``(y, x)``.

    Returns:
        ``(C, h, w)``, 0 where nothing is, and ``(h, w)``, where a tile is.
    """
    size = tuple(max(1, math.ceil(n / s - 1e-9)) for n, s in zip(shape, step, strict=True))
    total = np.zeros((values.shape[1], *size))
    weight = np.zeros(size)
    for box, value in zip(boxes, values, strict=True):
        rows, down = _shared(box[0], box[2], step[0], size[0])
        columns, along = _shared(box[1], box[3], step[1], size[1])
        area = down[:, None] * along[None]
        weight[rows, columns] += area
        total[:, rows, columns] += value[:, None, None] * area
    known = weight > 0
    mean: NDArray[np.float64] = total / np.where(known, weight, 1)
    return mean, known


def _shared(
    start: float, size: float, step: float, count: int
) -> tuple[slice, NDArray[np.float64]]:
    """Which map pixels an interval reaches into, and the length in each, in map pixels."""
    low, high = max(start / step, 0.0), min((start + size) / step, float(count))
    first, last = math.floor(low + 1e-9), math.ceil(high - 1e-9)
    edges = np.arange(first, max(last, first) + 1, dtype=np.float64)
    lengths: NDArray[np.float64] = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    return slice(first, max(last, first)), lengths


def _stretched(
    codes: NDArray[np.uint8],
    shape: tuple[int, ...],
    step: tuple[float, float],
    size: tuple[int, ...],
) -> NDArray[np.uint8]:
    """A map on the grid of a picture of the whole slide: the last map pixels may reach beyond."""
    rows, columns = (
        np.minimum(((np.arange(n) + 0.5) * (whole / n) / s).astype(int), m - 1)
        for n, whole, s, m in zip(size, shape, step, codes.shape, strict=True)
    )
    near: NDArray[np.uint8] = codes[np.ix_(rows, columns)]
    return near


def safe(name: str) -> str:
    """A class as the name of a folder."""
    return re.sub(r"[^\w.+ -]+", "_", name).strip() or "class"


def _save(path: Path, picture: NDArray[Any]) -> None:
    with written(path) as temporary:
        Pillow.fromarray(np.ascontiguousarray(picture.astype(np.uint8))).save(temporary)
