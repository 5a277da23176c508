"""Pyramids written from rows of tiles that come from top to bottom, once.

A TIFF wants its levels one after the other, but they grow together. So compressed tiles go to a
spool on disk first, of which memory holds nothing but places, and the files are put together from
it at the end: nothing is decoded again.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from inklings.predictions.heatmaps.canvas import TILE
from inklings.system import read_at

Reduce = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""``(C, h, w)`` to half the size."""
_SMALLEST = 512  # the last level fits into a square of this side
_CLASSIC_BYTES = 2_000_000_000  # beyond this a TIFF needs the large format
_LEVEL = 5  # of zlib: larger gains a few percent and costs twice the time


def mean(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean of four samples, for probabilities."""
    wide = tiles.astype(np.uint16)
    total = wide[:, ::2, ::2] + wide[:, 1::2, ::2] + wide[:, ::2, 1::2] + wide[:, 1::2, 1::2]
    return np.asarray((total + 2) >> 2, np.uint8)


def majority(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The most frequent of four codes, the larger of two that are as frequent."""
    parts = (tiles[:, ::2, ::2], tiles[:, 1::2, ::2], tiles[:, ::2, 1::2], tiles[:, 1::2, 1::2])
    a, b, c, d = np.sort(np.stack(parts), axis=0)
    chosen: NDArray[np.uint8] = np.where(c == d, d, np.where(b == c, b, np.where(a == b, a, d)))
    return chosen


@dataclass
class _Level:
    """One level of a pyramid: where its compressed tiles lie in the spool."""

    shape: tuple[int, int]
    places: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, channels: int, shape: tuple[int, int]) -> _Level:
        grid = (channels, -(-shape[0] // TILE), -(-shape[1] // TILE))
        return cls(shape, np.zeros(grid, np.int64), np.zeros(grid, np.int64))


class Pyramid:
    """Takes the rows of tiles of the finest level and makes the coarser ones from them.

    Args:
        spool: An open, seekable file that pyramids may share.
        channels: Planes, ``C``.
        shape: Samples of the finest level, ``(y, x)``.
        reduce: From one level to the next.
    """

    def __init__(
        self, spool: BinaryIO, channels: int, shape: tuple[int, int], reduce: Reduce
    ) -> None:
        self._spool = spool
        self._reduce = reduce
        self._levels = [_Level.of(channels, size) for size in level_shapes(shape)]
        self._waiting: list[dict[int, NDArray[np.uint8]]] = [{} for _ in self._levels]
        self._row = [0] * len(self._levels)
        self._channels = channels
        smallest = self._levels[-1].shape
        self.preview: NDArray[np.uint8] = np.zeros((channels, *smallest), np.uint8)
        """The coarsest level, ``(C, h, w)``, complete once all rows have come."""

    def push(self, ty: int, tiles: Mapping[int, NDArray[np.uint8]]) -> None:
        """Take row ``ty`` of the finest level, by column ``(C, TILE, TILE)``; rows come in order.

        What lies beyond the border of the map in the last row and column does not matter.
        """
        self._push(0, ty, tiles)

    def _push(self, number: int, ty: int, tiles: Mapping[int, NDArray[np.uint8]]) -> None:
        level = self._levels[number]
        last = number + 1 == len(self._levels)
        if not last and ty // 2 != self._row[number + 1]:
            self._hand_on(number + 1)
            self._row[number + 1] = ty // 2
        for tx, tile in tiles.items():
            high = min(TILE, level.shape[0] - ty * TILE)
            wide = min(TILE, level.shape[1] - tx * TILE)
            for channel, plane in enumerate(tile):
                data = zlib.compress(plane.tobytes(), _LEVEL)
                level.places[channel, ty, tx] = self._spool.tell()
                level.lengths[channel, ty, tx] = self._spool.write(data)
            if last:
                y, x = ty * TILE, tx * TILE
                self.preview[:, y : y + high, x : x + wide] = tile[:, :high, :wide]
            else:
                self._keep(number + 1, ty, tx, _extended(tile, high, wide))

    def _keep(self, number: int, ty: int, tx: int, tile: NDArray[np.uint8]) -> None:
        """Put a tile of the level above into its quarter of a tile of level ``number``."""
        there = self._waiting[number]
        if tx // 2 not in there:
            there[tx // 2] = np.zeros((self._channels, TILE, TILE), np.uint8)
        half = TILE // 2
        y, x = ty % 2 * half, tx % 2 * half
        there[tx // 2][:, y : y + half, x : x + half] = self._reduce(tile)

    def _hand_on(self, number: int) -> None:
        tiles, self._waiting[number] = self._waiting[number], {}
        if tiles:
            self._push(number, self._row[number], tiles)

    def finish(self) -> None:
        """No more rows come."""
        for number in range(1, len(self._levels)):
            self._hand_on(number)

    def write(
        self, path: Path, names: Sequence[str], spacing_um: tuple[float, float] | None
    ) -> None:
        """Put the OME-TIFF together; call `finish` first.

        Args:
            path: Not written atomically: the caller renames the folder.
            names: Of the planes.
            spacing_um: Of the finest level, ``(y, x)``; None where unknown.
        """
        self._spool.flush()
        blank = zlib.compress(bytes(TILE * TILE), _LEVEL)
        size = sum(int(level.lengths.sum()) for level in self._levels)
        with tifffile.TiffWriter(path, ome=True, bigtiff=size > _CLASSIC_BYTES) as file:
            for number, level in enumerate(self._levels):
                scale = 2**number
                first: dict[str, Any] = {
                    "subifds": len(self._levels) - 1,
                    "metadata": _metadata(names, spacing_um),
                }
                rest = {"subfiletype": 1, "metadata": None}
                file.write(
                    self._tiles(level, blank),
                    shape=(self._channels, *level.shape),
                    dtype=np.uint8,
                    tile=(TILE, TILE),
                    photometric="minisblack",
                    compression="adobe_deflate",
                    software="inklings",
                    **_resolution(spacing_um, scale),
                    **(first if number == 0 else rest),
                )

    def _tiles(self, level: _Level, blank: bytes) -> Iterator[bytes]:
        spool = self._spool.fileno()
        for place, length in zip(level.places.flat, level.lengths.flat, strict=True):
            yield read_at(spool, int(length), int(place)) if length else blank


def level_shapes(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Sizes of all levels, each half of the one before, until it is small."""
    count = max(0, math.ceil(math.log2(max(shape) / _SMALLEST))) + 1
    shapes = [shape]
    for _ in range(count - 1):
        shapes.append((-(-shapes[-1][0] // 2), -(-shapes[-1][1] // 2)))
    return shapes


def _extended(tile: NDArray[np.uint8], high: int, wide: int) -> NDArray[np.uint8]:
    """The tile with its last valid samples repeated beyond the border of the map."""
    if high < TILE or wide < TILE:
        tile = np.pad(
            tile[:, :high, :wide], ((0, 0), (0, TILE - high), (0, TILE - wide)), mode="edge"
        )
    return tile


def _metadata(names: Sequence[str], spacing_um: tuple[float, float] | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": "CYX", "Channel": {"Name": list(names)}}
    if spacing_um is not None:
        metadata |= {
            "PhysicalSizeX": spacing_um[1],
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": spacing_um[0],
            "PhysicalSizeYUnit": "µm",
        }
    return metadata


def _resolution(spacing_um: tuple[float, float] | None, scale: int) -> dict[str, Any]:
    """Samples a centimetre, for readers that do not know OME."""
    if spacing_um is None:
        return {"resolution": (1, 1), "resolutionunit": "NONE"}
    y, x = (1e4 / (um * scale) for um in spacing_um)
    return {"resolution": (x, y), "resolutionunit": "CENTIMETER"}
