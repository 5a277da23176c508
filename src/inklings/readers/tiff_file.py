"""The inside of a TIFF: planes and their tiles, decoded once for all who ask."""

from __future__ import annotations

import logging
import struct
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from inklings.readers.resample import Whole
from inklings.system import after_fork, read_at

# What tifffile logs where it goes on is checked by the readers, and told in their own words.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_AT_ONCE = 2**20
"""Bytes that are read together where nothing is compressed."""

_CACHE_BYTES = 96 * 2**20
Key = tuple[str, int, int]


@dataclass(frozen=True)
class Level:
    """One level: its planes and how they are cut into tiles.

    Attributes:
        pages: One a plane; one alone where planes follow one another without pages.
        shape: Rows and columns.
        tile: Rows and columns that are decoded together.
        samples: Of each pixel of a plane.
        separate: Whether samples lie in planes of their own within a page.
        starts: First byte of each plane, where samples lie in the file as they are.
    """

    pages: tuple[Any, ...]
    shape: Whole
    tile: Whole
    samples: int
    separate: bool
    starts: tuple[int, ...] = ()


def require_ends(file: tifffile.TiffFile) -> None:
    """Raise ValueError where the pages of a file follow one another in a circle.

    tifffile (2026.3.3) goes round a circle of two pages and more until memory ends.
    """
    kind, stream = file.tiff, file.filehandle
    size = {4: "I", 8: "Q"}[kind.offsetsize]
    at, seen = 4 if kind.version == 42 else 8, set[int]()
    while True:
        stream.seek(at)
        data = stream.read(kind.offsetsize)
        if len(data) < kind.offsetsize:
            return
        (offset,) = struct.unpack(kind.byteorder + size, data)
        if not 0 < offset < stream.size:
            return
        if offset in seen:
            raise ValueError("its pages follow one another in a circle")
        seen.add(offset)
        stream.seek(offset)
        count = stream.read(kind.tagnosize)
        if len(count) < kind.tagnosize:
            return
        at = offset + kind.tagnosize + struct.unpack(kind.tagnoformat, count)[0] * kind.tagsize


def smaller(shape: Whole, last: Whole, first: Whole) -> bool:
    """Whether ``shape`` is a coarser version of ``first`` that comes after ``last``."""
    if not all(0 < n < m for n, m in zip(shape, last, strict=True)):
        return False
    y, x = (m / n for n, m in zip(shape, first, strict=True))
    return abs(y - x) <= 0.02 * x + 1.5 * max(y / shape[0], x / shape[1])


def level_of(
    pages: tuple[Any, ...], shape: Whole, planes: int = 1, offset: int | None = None
) -> Level:
    """The planes of one size; where one page stands for several they follow one another.

    Raises:
        ValueError: If nobody here knows how they are compressed.
    """
    page = pages[0].keyframe
    if page.compression not in tifffile.TIFF.DECOMPRESSORS:
        raise ValueError(f"unknown compression {int(page.compression)}")
    separate = bool(page.planarconfig == 2 and page.samplesperpixel > 1)
    if offset is not None:
        step = shape[0] * shape[1] * page.samplesperpixel * np.dtype(page.dtype).itemsize
        starts = tuple(offset + k * step for k in range(planes))
    else:
        starts = tuple(int(p.dataoffsets[0]) for p in pages) if _as_they_are(pages) else ()
    if starts:
        row = shape[1] * page.samplesperpixel * np.dtype(page.dtype).itemsize
        tile = (min(shape[0], max(1, _AT_ONCE // max(1, row))), shape[1])
    elif page.is_tiled:
        tile = (page.tilelength, page.tilewidth)
    else:
        tile = (min(page.rowsperstrip, shape[0]), shape[1])
    return Level(pages, shape, tile, page.samplesperpixel, separate, starts)


def _as_they_are(pages: tuple[Any, ...]) -> bool:
    """Whether the samples of each page can be taken from the file without decoding."""
    page = pages[0].keyframe
    plain = page.predictor == 1 and page.fillorder == 1 and not page.is_tiled and page.dtype
    if not (plain and page.compression == 1 and page.bitspersample in (8, 16, 32, 64)):
        return False
    for one in pages:
        offsets, counts = one.dataoffsets, one.databytecounts
        ends = [a + n for a, n in zip(offsets, counts, strict=True)]
        if ends[:-1] != list(offsets[1:]) or sum(counts) < page.nbytes or 0 in counts:
            return False
    return True


def gathered(
    level: Level,
    key: Key,
    name: tuple[int, int],
    planes: Sequence[int],
    start: Whole,
    size: Whole,
) -> NDArray[Any]:
    """Put the tiles together that a box touches.

    Args:
        level: Of a file that is open.
        key: Of the file.
        name: Scene and number of the level.
        planes: Which of its planes, each with all its samples.
        start: First row and column.
        size: Rows and columns.

    Returns:
        ``(h, w, planes * samples)``.
    """
    samples = level.samples
    out = np.empty((*size, len(planes) * samples), level.pages[0].keyframe.dtype)
    (y0, x0), (th, tw) = start, level.tile
    step = 1 if level.separate else samples
    for ty in range(y0 // th, -(-(y0 + size[0]) // th)):
        for tx in range(x0 // tw, -(-(x0 + size[1]) // tw)):
            a, b = max(y0, ty * th), min(y0 + size[0], (ty + 1) * th)
            c, d = max(x0, tx * tw), min(x0 + size[1], (tx + 1) * tw)
            for k, plane in enumerate(planes):
                for part in range(samples if level.separate else 1):
                    tile = _tile(level, (key, *name, plane, part, ty, tx))
                    at = k * samples + part
                    out[a - y0 : b - y0, c - x0 : d - x0, at : at + step] = tile[
                        a - ty * th : b - ty * th, c - tx * tw : d - tx * tw
                    ]
    return out


class _Tiles:
    """Decoded tiles of this process, the latest used ones within a bounded memory."""

    def __init__(self) -> None:
        self._start()
        after_fork(self._start)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._tiles: OrderedDict[Any, NDArray[Any]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Any) -> NDArray[Any] | None:
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def put(self, key: Any, tile: NDArray[Any]) -> None:
        with self._lock:
            if key in self._tiles:
                return
            self._tiles[key] = tile
            self._bytes += tile.nbytes
            while self._bytes > _CACHE_BYTES:
                self._bytes -= self._tiles.popitem(last=False)[1].nbytes


_TILES = _Tiles()


def _tile(level: Level, name: tuple[Any, ...]) -> NDArray[Any]:
    tile = _TILES.get(name)
    if tile is None:
        tile = (_cut if level.starts else _decoded)(level, *name[-4:])
        _TILES.put(name, tile)
    return tile


def _cut(level: Level, plane: int, part: int, ty: int, tx: int) -> NDArray[Any]:  # noqa: ARG001
    """Rows of samples that lie in the file as they are."""
    page = level.pages[0].keyframe
    order = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
    samples = 1 if level.separate else level.samples
    rows = min(level.tile[0], level.shape[0] - ty * level.tile[0])
    line = level.shape[1] * samples * order.itemsize
    offset = level.starts[plane] + (part * level.shape[0] + ty * level.tile[0]) * line
    data = _bytes(page, offset, rows * line, f"rows from {ty * level.tile[0]}")
    return np.frombuffer(data, order).reshape(rows, level.shape[1], samples)


def _decoded(level: Level, plane: int, part: int, ty: int, tx: int) -> NDArray[Any]:
    page = level.pages[plane]
    frame = page.keyframe
    (th, tw), (height, width) = level.tile, level.shape
    down, across = -(-height // th), -(-width // tw)
    index = (part * down + ty) * across + tx
    count = page.databytecounts[index]
    samples = 1 if level.separate else level.samples
    if count == 0:  # writers leave blank tiles out
        white = 255 if frame.dtype == np.uint8 and level.samples >= 3 else 0
        return np.full((*level.tile, samples), white, frame.dtype)
    data = _bytes(page, page.dataoffsets[index], count, f"tile {index}")
    decoded, _, _ = frame.decode(data, index, jpegtables=frame.jpegtables)
    tile: NDArray[Any] = decoded[0]
    if tile.shape[0] < level.tile[0] or tile.shape[1] < level.tile[1]:
        full = np.zeros((*level.tile, samples), tile.dtype)
        full[: tile.shape[0], : tile.shape[1]] = tile
        tile = full
    return tile


def _bytes(page: Any, offset: int, count: int, what: str) -> bytes:
    data = read_at(page.parent.filehandle.fileno(), count, offset)
    if len(data) < count:
        raise ValueError(f"expected {count} bytes of {what}, got {len(data)}")
    return data
