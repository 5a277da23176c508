"""Windows are laid over one another here and leave as rows of finished tiles.

Only tiles that some window has touched are held, and only until no later window can reach them:
memory follows the breadth of the tissue, never the height of the slide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

TILE = 256
"""Side of a tile in samples of the map."""

Row = tuple[int, Mapping[int, NDArray[np.float32]]]
"""Number of a row of tiles, and in it by column ``(K, TILE, TILE)``; blank tiles are left out."""


class Canvas:
    """Sums weighted windows.

    Args:
        channels: Classes, ``K``.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._tiles: dict[tuple[int, int], NDArray[np.float32]] = {}

    def add(self, y: int, x: int, values: NDArray[np.float32]) -> None:
        """Add ``values`` ``(K, h, w)`` at a corner ``(y, x)``."""
        _, height, width = values.shape
        for ty in range(y // TILE, (y + height - 1) // TILE + 1):
            for tx in range(x // TILE, (x + width - 1) // TILE + 1):
                tile = self._tiles.get((ty, tx))
                if tile is None:
                    tile = np.zeros((self._channels, TILE, TILE), np.float32)
                    self._tiles[ty, tx] = tile
                into_y, from_y = _meet(ty * TILE, y, height)
                into_x, from_x = _meet(tx * TILE, x, width)
                tile[:, into_y, into_x] += values[:, from_y, from_x]

    def take_above(self, y: int) -> Iterator[Row]:
        """Remove and yield the rows of tiles that end at or above ``y``, in order."""
        done = [key for key in self._tiles if (key[0] + 1) * TILE <= y]
        for ty in sorted({key[0] for key in done}):
            columns = sorted(tx for row, tx in done if row == ty)
            yield ty, {tx: self._tiles.pop((ty, tx)) for tx in columns}

    def take_all(self) -> Iterator[Row]:
        """Remove and yield what is left."""
        yield from self.take_above((max((ty for ty, _ in self._tiles), default=0) + 1) * TILE)


def _meet(tile: int, start: int, length: int) -> tuple[slice, slice]:
    """Where the window that starts at ``start`` meets a tile, in the tile and in the window."""
    low, high = max(tile, start), min(tile + TILE, start + length)
    return slice(low - tile, high - tile), slice(low - start, high - start)
