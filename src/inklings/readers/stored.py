"""Volumes of a store (``.b2nd``): chunked, compressed and memory-mapped, written by the cache.

Blosc2 (Alted et al.; BSD licence) keeps an array in chunks of 32 x 64 x 64 samples. A box is read
by decoding the blocks that it touches; nothing else is read from the disk.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.geometry import Geometry, Region
from inklings.readers.choice import ANY, Choice
from inklings.readers.notes import Note
from inklings.readers.volume import Volume

META = "inklings"
SUFFIX = ".b2nd"
_MAGIC = b"b2frame"


class StoredReader:
    """Files that `inklings cache` wrote."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """By the magic word and the name."""
        return path.suffix == SUFFIX and _MAGIC in head[:16]

    def open(self, path: Path, choice: Choice = ANY) -> Volume:
        """Map the file; its description is read, no sample is.

        Raises:
            ReaderError: If it is damaged, or of another program.
        """
        choice.only(path)
        array, said = _mapped(path)
        record = said["geometry"]
        geometry = Geometry(
            tuple(record["shape"]),
            _tuple(record["spacing"]),
            _tuple(record["origin"]),
            tuple(tuple(row) for row in record["direction"]) if record["direction"] else None,
            record["frame"],
        )

        def planes(start: int, stop: int) -> NDArray[Any]:
            samples: NDArray[Any] = array[:, start:stop]
            return samples

        def boxes(region: Region) -> NDArray[Any]:
            z, y, x = region.slices
            samples: NDArray[Any] = np.asarray(array[:, z, y, x])
            return samples

        notes = tuple(Note(*note) for note in said["notes"])
        return Volume(
            path, geometry, tuple(said["channels"]), planes, notes,
            dict(said["facts"]), boxes,
        )  # fmt: skip


def description(path: Path) -> dict[str, Any]:
    """What the cache wrote beside the samples.

    Raises:
        ReaderError: If it is damaged, or of another program.
    """
    return _mapped(path)[1]


def _mapped(path: Path) -> tuple[Any, dict[str, Any]]:
    import blosc2

    try:
        array = blosc2.open(str(path), mode="r", mmap_mode="r")
        said = json.loads(array.schunk.vlmeta[META])
    except (RuntimeError, KeyError, ValueError, OSError, AttributeError) as error:
        raise ReaderError(
            f"{path}: expected a volume of 'inklings cache', got a damaged or foreign file "
            f"({' '.join(str(error).split())}); remove it and run the cache again"
        ) from None
    return array, said


def _tuple(values: Any) -> tuple[float, ...] | None:
    return None if values is None else tuple(float(value) for value in values)
