"""Pyramidal TIFF written tile by tile: memory holds what is not blank of the next level only."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from inklings.files import written

TILE = 512
FACTOR = 4
LEVELS = 3
Block = Callable[[tuple[int, int], tuple[int, int]], NDArray[np.uint8] | None]


@dataclass(frozen=True)
class Storing:
    """How tiles are stored.

    Attributes:
        blank: Value of all that is not drawn, by channel.
        quality: Of JPEG; None for lossless deflate.
        averaged: Whether coarser levels are means; else every fourth sample.
        um: Size of a pixel to write into the resolution tag; None writes none, as PANDA does.
    """

    blank: tuple[int, ...]
    quality: int | None = 80
    averaged: bool = True
    um: float | None = None

    def encode(self, tile: NDArray[np.uint8]) -> bytes:
        """One tile as stored."""
        if self.quality is None:
            return zlib.compress(tile.tobytes(), 6)
        data = imagecodecs.jpeg8_encode(
            tile, level=self.quality, colorspace="rgb", outcolorspace="ycbcr", subsampling="420"
        )
        return bytes(data)


def write_pyramid(path: Path, size: tuple[int, int], block: Block, how: Storing) -> None:
    """Write levels of 1, 1/4 and 1/16, ``block(start, size)`` giving those of level 0.

    Args:
        path: A TIFF; BigTIFF where it may get larger than 4 GB.
        size: Pixels of level 0, ``(height, width)``.
        block: ``(h, w, 3)`` uint8 of a box within the slide, or None where it is blank.
        how: How it is stored.
    """
    kept: dict[tuple[int, int], NDArray[np.uint8]] = {}
    with (
        written(path, durable=False) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=size[0] * size[1] > 1_000_000_000) as tiff,
    ):
        for level in range(LEVELS):
            shape = tuple(max(1, n // FACTOR**level) for n in size)
            coarser: dict[tuple[int, int], NDArray[np.uint8]] = {}
            source = _drawn(block, size, how) if level == 0 else kept.get
            tiles = _tiles((shape[0], shape[1]), source, how, coarser)
            tiff.write(tiles, shape=(*shape, 3), dtype=np.uint8, **_options(how, level))
            kept = coarser


def _drawn(
    block: Block, size: tuple[int, int], how: Storing
) -> Callable[[tuple[int, int]], NDArray[np.uint8] | None]:
    """Whole tiles of level 0: those at the far borders are filled up."""

    def tile(index: tuple[int, int]) -> NDArray[np.uint8] | None:
        start = (index[0] * TILE, index[1] * TILE)
        part = (min(TILE, size[0] - start[0]), min(TILE, size[1] - start[1]))
        drawn = block(start, part)
        if drawn is None or part == (TILE, TILE):
            return drawn
        full = _empty(how)
        full[: part[0], : part[1]] = drawn
        return full

    return tile


def _tiles(
    shape: tuple[int, int],
    source: Callable[[tuple[int, int]], NDArray[np.uint8] | None],
    how: Storing,
    coarser: dict[tuple[int, int], NDArray[np.uint8]],
) -> Iterator[bytes]:
    blank = how.encode(_empty(how))
    for row in range(-(-shape[0] // TILE)):
        for column in range(-(-shape[1] // TILE)):
            tile = source((row, column))
            if tile is None:
                yield blank
                continue
            _keep(coarser, row, column, tile, how)
            yield how.encode(tile)


def _keep(
    coarser: dict[tuple[int, int], NDArray[np.uint8]],
    row: int,
    column: int,
    tile: NDArray[np.uint8],
    how: Storing,
) -> None:
    """Put a tile, made smaller, into its place in the next level."""
    n = TILE // FACTOR
    small = tile[FACTOR // 2 :: FACTOR, FACTOR // 2 :: FACTOR]
    if how.averaged:
        sums = tile.reshape(n, FACTOR, n, FACTOR, 3).sum((1, 3), dtype=np.uint16)
        small = ((sums + FACTOR * FACTOR // 2) // FACTOR**2).astype(np.uint8)
    whole = coarser.setdefault((row // FACTOR, column // FACTOR), _empty(how))
    top, left = row % FACTOR * n, column % FACTOR * n
    whole[top : top + n, left : left + n] = small


def _empty(how: Storing) -> NDArray[np.uint8]:
    tile = np.empty((TILE, TILE, 3), np.uint8)
    tile[:] = how.blank
    return tile


def _options(how: Storing, level: int) -> dict[str, Any]:
    options: dict[str, Any] = {
        "tile": (TILE, TILE),
        "photometric": "rgb",
        "compression": "adobe_deflate",
        "subfiletype": int(level > 0),
        "metadata": None,
        "software": False,
    }
    if how.quality is not None:
        options |= {"photometric": "ycbcr", "compression": "jpeg", "subsampling": (2, 2)}
    if how.um is not None:
        rate = 1e4 / (how.um * FACTOR**level)
        options |= {"resolution": (rate, rate), "resolutionunit": "CENTIMETER"}
    return options
