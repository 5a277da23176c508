"""Arrays one after another in a few large files, each mapped once.

A process may map some 65,000 files at a time (Linux, ``vm.max_map_count``). A file for each array
of each slide reaches that with 11,000 slides, which is one public data set.
"""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SEGMENT = 2**28
"""Bytes of a file, or of its only array where that is larger; what is not written takes no room."""

_ALIGNED = 64
_INDEX = "index.jsonl"


class Place(NamedTuple):
    """Where an array lies: number of the file, first byte, shape, type, and a sum to check it."""

    file: int
    start: int
    shape: tuple[int, ...]
    dtype: str
    crc: int

    @property
    def stop(self) -> int:
        """The first byte after it."""
        return self.start + math.prod(self.shape) * np.dtype(self.dtype).itemsize


class PackedArrays:
    """Arrays that are appended and stay where they are; memory holds what is in use.

    Args:
        folder: For nothing else; made when the first array is added.
        after: Places that are taken already.
    """

    def __init__(self, folder: Path, after: tuple[Place, ...] = ()) -> None:
        self.folder = folder
        self._maps: dict[int, NDArray[np.uint8]] = {}
        last = max(after, default=None, key=lambda place: (place.file, place.stop))
        self._file, self._end = (last.file, last.stop) if last else (0, 0)

    def add(self, array: NDArray[Any]) -> Place:
        """Write ``array`` behind the others.

        Raises:
            OSError: If the disk is full; what was written before stays as it is.
        """
        data = np.ascontiguousarray(array)
        start = -(-self._end // _ALIGNED) * _ALIGNED
        if start and start + data.nbytes > SEGMENT:
            self._file, start = self._file + 1, 0
        raw = data.reshape(-1).view(np.uint8)
        path = self._path(self._file)
        if start == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._maps.pop(self._file, None)
            with path.open("wb") as file:
                file.truncate(max(SEGMENT, data.nbytes))  # sparse, and never longer afterwards
        with path.open("r+b") as file:
            file.seek(start)
            file.write(raw.data)
        self._end = start + data.nbytes
        return Place(self._file, start, data.shape, data.dtype.str, zlib.crc32(raw.data))

    def view(self, place: Place) -> NDArray[Any]:
        """The array at a place, mapped."""
        if place.file not in self._maps:
            self._maps[place.file] = np.memmap(self._path(place.file), np.uint8, mode="r")
        samples = self._maps[place.file][place.start : place.stop]
        return samples.view(place.dtype).reshape(place.shape)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.bin"


class Named:
    """Packed arrays with names, which another process finds again.

    An array counts when its line in the index is whole, which is written after the array.

    Args:
        folder: For nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._index = folder, folder / _INDEX
        self._open()

    def _open(self) -> None:
        self._places = self._read()
        self._packed = PackedArrays(self._folder, tuple(self._places.values()))
        self._bytes = self._size()

    def get(self, name: str) -> NDArray[Any] | None:
        """The array of this name; None where there is none, or not the one that was written."""
        place = self._places.get(name)
        if place is None:
            return None
        found = self._packed.view(place)
        whole = zlib.crc32(np.ascontiguousarray(found).reshape(-1).view(np.uint8).data) == place.crc
        return found if whole else None

    def put(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        """The same samples, mapped."""
        if self._size() != self._bytes:  # another object has written here
            self._open()
        place = self._packed.add(array)
        with self._index.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, *place]) + "\n")
        self._places[name], self._bytes = place, self._size()
        return self._packed.view(place)

    def _size(self) -> int:
        return self._index.stat().st_size if self._index.exists() else 0

    def _read(self) -> dict[str, Place]:
        if not self._index.exists():
            return {}
        text = self._index.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # killed within a line
            with self._index.open("r+", encoding="utf-8") as file:
                file.truncate(len(whole.encode()))
        lines = map(json.loads, whole.splitlines())
        return {
            name: Place(file, start, tuple(shape), dtype, crc)
            for name, file, start, shape, dtype, crc in lines
        }
