"""Arrays one after another in a few large files, each mapped once.

A process may map some 65,000 files at a time (Linux, ``vm.max_map_count``). A file for each array
of each slide reaches that with 11,000 slides, which is one public data set.
"""

from __future__ import annotations

import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
from numpy.typing import NDArray

from inklings import progress
from inklings.errors import DataError, SpecError

SEGMENT = 2**28
"""Bytes of a file, or of its only array where that is larger; what is not written takes no room."""

_ALIGNED = 64
MEMORY_VARIABLE = "INKLINGS_MEMORY_GB"


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
        return Place(self._file, start, data.shape, data.dtype.str, checksum(data))

    def view(self, place: Place) -> NDArray[Any]:
        """The array at a place, mapped."""
        if place.file not in self._maps:
            self._maps[place.file] = np.memmap(self._path(place.file), np.uint8, mode="r")
        samples = self._maps[place.file][place.start : place.stop]
        return samples.view(place.dtype).reshape(place.shape)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.bin"


def checksum(array: NDArray[Any]) -> int:
    """Changes when a byte does."""
    return zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


@dataclass
class Store:
    """Keeps arrays in memory up to a budget, and the rest in files mapped from ``scratch``."""

    budget: int
    scratch: Path | None
    used: int = 0
    _packed: PackedArrays | None = None

    def keep(self, array: NDArray[Any]) -> NDArray[Any]:
        """``array``, or the same samples mapped from a file."""
        self.used += array.nbytes
        if self.used <= self.budget:
            return array
        if self.scratch is None:
            raise DataError(
                f"the images need more than the memory budget of {self.budget / 2**30:.1f} GB; "
                f"set {MEMORY_VARIABLE} higher, or train from a cohort with --out"
            )
        if self._packed is None:
            progress.note(
                f"memory budget of {self.budget / 2**30:.1f} GB reached ({MEMORY_VARIABLE}): "
                f"the rest is mapped from {self.scratch}"
            )
            self._packed = PackedArrays(self.scratch)
        return self._packed.view(self._packed.add(array))


def budget_bytes() -> int:
    """How much memory decoded images may take."""
    asked = os.environ.get(MEMORY_VARIABLE)
    try:
        return int(float(asked) * 2**30) if asked else psutil.virtual_memory().available // 2
    except ValueError:
        raise SpecError(f"{MEMORY_VARIABLE}: expected a number of GB, got {asked!r}") from None
