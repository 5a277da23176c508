"""Reading the maps back, region by region."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import tifffile
from numpy.typing import NDArray

from inklings.errors import DataError
from inklings.geometry import Region
from inklings.predictions.heatmaps.canvas import TILE, Row
from inklings.system import open_to_read, read_at


@dataclass(frozen=True)
class _Plane:
    places: NDArray[np.int64]
    lengths: NDArray[np.int64]


class Map:
    """One level of a map that `inklings.predictions.heatmaps.pyramid` wrote.

    Attributes:
        path: The file.
        shape: ``(C, y, x)`` of this level.

    Raises:
        DataError: If the file is missing or damaged.
    """

    def __init__(self, path: Path, level: int = 0) -> None:
        self.path = path
        try:
            with tifffile.TiffFile(path) as file:
                series = file.series[0].levels[level]
                pages = [page for page in series.pages if page is not None]
                shape = tuple(int(n) for n in pages[0].shape)
                grid = (-(-shape[0] // TILE), -(-shape[1] // TILE))
                self._planes = [
                    _Plane(
                        np.reshape(np.array(page.dataoffsets, np.int64), grid),
                        np.reshape(np.array(page.databytecounts, np.int64), grid),
                    )
                    for page in pages
                ]
        except (OSError, tifffile.TiffFileError, IndexError, ValueError) as error:
            raise DataError(f"{path} is damaged ({error}); delete it and predict again") from None
        self.shape = (len(pages), *shape)
        self._file = open_to_read(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._file)

    def read(self, region: Region) -> NDArray[np.uint8]:
        """Samples of one region, ``(C, *region.size)``."""
        out = np.zeros((len(self._planes), *region.size), np.uint8)
        (y0, x0), (y1, x1) = region.start, region.stop
        for ty in range(y0 // TILE, -(-y1 // TILE)):
            for tx in range(x0 // TILE, -(-x1 // TILE)):
                low = max(y0, ty * TILE), max(x0, tx * TILE)
                high = min(y1, (ty + 1) * TILE), min(x1, (tx + 1) * TILE)
                into, own = (
                    (slice(low[0] - y, high[0] - y), slice(low[1] - x, high[1] - x))
                    for y, x in ((y0, x0), (ty * TILE, tx * TILE))
                )
                for channel, plane in enumerate(self._planes):
                    out[(channel, *into)] = self._tile(plane, ty, tx)[own]
        return out

    def bands(self) -> Iterator[NDArray[np.uint8]]:
        """All samples from top to bottom, ``(C, h, x)`` with up to `TILE` rows each."""
        _, height, width = self.shape
        for y in range(0, height, TILE):
            yield self.read(Region((y, 0), (min(TILE, height - y), width)))

    def _tile(self, plane: _Plane, ty: int, tx: int) -> NDArray[np.uint8]:
        data = read_at(self._file, int(plane.lengths[ty, tx]), int(plane.places[ty, tx]))
        try:
            return np.frombuffer(zlib.decompress(data), np.uint8).reshape(TILE, TILE)
        except (zlib.error, ValueError) as error:
            raise DataError(
                f"{self.path} is damaged ({error}); delete its folder and predict again"
            ) from None


def level_near(path: Path, side: int) -> int:
    """The coarsest level of a map whose longer side has ``side`` samples or more; 0 if none has.

    Raises:
        DataError: If the file is missing or damaged.
    """
    try:
        with tifffile.TiffFile(path) as file:
            sides = [max(level.shape[-2:]) for level in file.series[0].levels]
    except (OSError, tifffile.TiffFileError, IndexError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it and predict again") from None
    return max((n for n, longer in enumerate(sides) if longer >= side), default=0)


def rows_of(heat: Map) -> Iterator[Row]:
    """Probabilities of a heat map as they came to its writer; blank tiles are left out."""
    _, height, width = heat.shape
    for ty in range(-(-height // TILE)):
        tiles: dict[int, NDArray[np.float32]] = {}
        for tx in range(-(-width // TILE)):
            start = (ty * TILE, tx * TILE)
            size = (min(TILE, height - start[0]), min(TILE, width - start[1]))
            tile = heat.read(Region(start, size))
            if tile.any():
                beyond = ((0, 0), *((0, TILE - n) for n in size))
                tiles[tx] = np.pad(tile, beyond).astype(np.float32) / np.float32(255)
        yield ty, tiles
