"""The inside of a TIFF: which pages are levels, and their tiles, decoded once for all who ask."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from inklings.readers.handles import Handles
from inklings.readers.resample import Whole

_OPEN_FILES = 24
_CACHE_BYTES = 96 * 2**20
Key = tuple[str, int, int]


@dataclass(frozen=True)
class Level:
    """One level: its pages (one, or one a channel) and how they are cut into tiles."""

    pages: tuple[Any, ...]
    shape: Whole
    tile: Whole
    samples: int
    separate: bool


@dataclass
class File:
    """A TIFF that is open, and its levels."""

    tiff: tifffile.TiffFile
    levels: tuple[Level, ...]


def _open(key: Key) -> File:
    file = tifffile.TiffFile(key[0])
    try:
        return File(file, levels_of(file))
    except BaseException:
        file.close()
        raise


def _close(file: File) -> None:
    file.tiff.close()


FILES: Handles[Key, File] = Handles(_open, _close, _OPEN_FILES)


def levels_of(file: tifffile.TiffFile) -> tuple[Level, ...]:
    """The pages that are one picture at several sizes: not labels, not macros, not thumbnails."""
    first = _known(file.pages[0])
    if file.is_ome and len(file.series[0].levels[0].pages) > 1:
        return tuple(_stacked(series) for series in file.series[0].levels)
    pages = [*list(file.pages)[1:], *(first.pages or ())]
    height, width = first.shape[:2] if not _planar(first) else first.shape[1:3]
    found = [_level((first,), (height, width))]
    for page in pages:
        page = page.aspage()
        shape = (page.imagelength, page.imagewidth)
        if page.is_tiled == first.is_tiled and _smaller(shape, found[-1].shape, found[0].shape):
            same = page.samplesperpixel == first.samplesperpixel and page.dtype == first.dtype
            if same:
                found.append(_level((page,), shape))
    return tuple(found)


def _smaller(shape: Whole, last: Whole, first: Whole) -> bool:
    """Whether ``shape`` is a coarser version of ``first`` that comes after ``last``."""
    if not all(0 < n < m for n, m in zip(shape, last, strict=True)):
        return False
    y, x = (m / n for n, m in zip(shape, first, strict=True))
    return abs(y - x) <= 0.02 * x + 1.5 * max(y / shape[0], x / shape[1])


def _stacked(series: Any) -> Level:
    if series.axes not in ("CYX", "SYX", "YXS", "YX"):
        raise ValueError(f"expected a plane of channels, got axes {series.axes}")
    pages = tuple(page for page in series.pages)
    key = _known(pages[0].keyframe)
    return _level(pages, (key.imagelength, key.imagewidth))


def _level(pages: tuple[Any, ...], shape: Whole) -> Level:
    page = pages[0].keyframe
    tile = (
        (page.tilelength, page.tilewidth)
        if page.is_tiled
        else (min(page.rowsperstrip, shape[0]), shape[1])
    )
    return Level(pages, shape, tile, page.samplesperpixel, _planar(page))


def _planar(page: Any) -> bool:
    return bool(page.planarconfig == 2 and page.samplesperpixel > 1)


def _known(page: Any) -> Any:
    if page.compression not in tifffile.TIFF.DECOMPRESSORS:
        raise ValueError(f"unknown compression {int(page.compression)}")
    return page


def gathered(
    level: Level, key: Key, number: int, file: File, start: Whole, size: Whole
) -> NDArray[Any]:
    """Put the tiles that a box touches together."""
    planes = len(level.pages) * (level.samples if level.separate else 1)
    samples = 1 if level.separate else level.samples
    page = level.pages[0].keyframe
    out = np.empty((*size, planes * samples), page.dtype)
    (y0, x0), (th, tw) = start, level.tile
    across = -(-level.shape[1] // tw)
    down = -(-level.shape[0] // th)
    for ty in range(y0 // th, -(-(y0 + size[0]) // th)):
        for tx in range(x0 // tw, -(-(x0 + size[1]) // tw)):
            for plane in range(planes):
                if level.separate:
                    index, of = plane * down * across + ty * across + tx, 0
                else:
                    index, of = ty * across + tx, plane
                tile = _tile(level, key, number, file, of, index)
                a, b = max(y0, ty * th), min(y0 + size[0], (ty + 1) * th)
                c, d = max(x0, tx * tw), min(x0 + size[1], (tx + 1) * tw)
                out[a - y0 : b - y0, c - x0 : d - x0, plane * samples : (plane + 1) * samples] = (
                    tile[a - ty * th : b - ty * th, c - tx * tw : d - tx * tw]
                )
    return out


class _Tiles:
    """Decoded tiles of this process, the latest used ones within a bounded memory."""

    def __init__(self) -> None:
        self._start()
        os.register_at_fork(after_in_child=self._start)

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


def _tile(
    level: Level, key: Key, number: int, file: File, page_number: int, index: int
) -> NDArray[Any]:
    name = (key, number, page_number, index)
    tile = _TILES.get(name)
    if tile is None:
        tile = _decoded(level, file, page_number, index)
        _TILES.put(name, tile)
    return tile


def _decoded(level: Level, file: File, page_number: int, index: int) -> NDArray[Any]:
    page = level.pages[page_number]
    frame = page.keyframe
    count = page.databytecounts[index]
    samples = 1 if level.separate else level.samples
    if count == 0:  # writers leave blank tiles out
        white = 255 if frame.dtype == np.uint8 and level.samples >= 3 else 0
        return np.full((*level.tile, samples), white, frame.dtype)
    descriptor = file.tiff.filehandle.fileno()
    data = os.pread(descriptor, count, page.dataoffsets[index])
    if len(data) < count:
        raise ValueError(f"expected {count} bytes of tile {index}, got {len(data)}")
    decoded, _, _ = frame.decode(data, index, jpegtables=frame.jpegtables)
    tile: NDArray[Any] = decoded[0]
    if tile.shape[0] < level.tile[0] or tile.shape[1] < level.tile[1]:
        full = np.zeros((*level.tile, samples), tile.dtype)
        full[: tile.shape[0], : tile.shape[1]] = tile
        tile = full
    return tile
