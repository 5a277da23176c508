"""What lies beside the maps of a slide: pictures of it, and how large its areas are."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from inklings.inference.slide_grid import Grid
from inklings.predictions.heatmaps.colours import colours
from inklings.predictions.heatmaps.overlay import colour_picture, laid_over
from inklings.predictions.slides import OVERLAY, THUMBNAIL, Area
from inklings.runs.run import Run


def pictures(
    folder: Path, thumbnail: NDArray[np.uint8], codes: NDArray[np.uint8], classes: Sequence[str]
) -> None:
    """Thumbnail and overlay of a slide, into its folder."""
    picture = colour_picture(thumbnail)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(_save, folder / THUMBNAIL, picture)
        _save(folder / OVERLAY, laid_over(picture, codes, colours(classes)))
        first.result()


def _save(path: Path, picture: NDArray[np.uint8]) -> None:
    """As PNG, with the settings that imagecodecs names for speed: the network waits meanwhile."""
    path.write_bytes(imagecodecs.png_encode(picture, level=1, strategy=3, filter=16))


def areas_of(
    run: Run,
    grid: Grid,
    looked_at: int,
    samples: NDArray[np.int64],
    peaks: NDArray[np.uint8],
) -> tuple[Area, tuple[Area, ...]]:
    """Of the tissue, and of each class on the map of classes."""
    pixels = grid.factor[0] * grid.factor[1]
    um = grid.spacing_um
    mm2 = None if um is None else um[0] * um[1] * pixels / 1e6

    def area(name: str, count: int, peak: float) -> Area:
        size = None if mm2 is None else count * mm2
        return Area(name, count * pixels, size, count / max(looked_at, 1), peak)

    classes = [
        area(name, int(count), round(float(peak) / 255, 4))
        for name, count, peak in zip(run.classes, samples[1:], peaks, strict=True)
    ]
    return area("tissue", looked_at, 1.0), tuple(classes)
