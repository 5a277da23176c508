"""Which codes a mask of a slide holds: a look at its coarsest level, or all of its finest one."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from inklings.geometry import Region
from inklings.labels.files import read_mask
from inklings.readers import open_image
from inklings.readers.pyramid import Pyramid

_AT_ONCE = 16_000_000


def coarse_codes(path: Path) -> tuple[frozenset[int], tuple[int, ...]]:
    """Codes on the coarsest level, and the shape of the finest.

    Raises:
        DataError: If it cannot be read.
    """
    image = open_image(path)
    if not isinstance(image, Pyramid):
        mask = read_mask(path)
        return frozenset(np.unique(mask).tolist()), mask.shape
    small = image.as_codes().shrunk(image.downsamples[-1])
    return frozenset(np.unique(small.read(small.geometry.full)[0]).tolist()), image.geometry.shape


def all_codes(path: Path) -> frozenset[int]:
    """Codes on the finest level, read block by block: a tumour of few samples counts.

    Raises:
        DataError: If it cannot be read.
    """
    stat = path.stat()
    return _all_codes(path, (stat.st_mtime_ns, stat.st_size))


@functools.lru_cache(maxsize=1024)
def _all_codes(path: Path, state: tuple[int, int]) -> frozenset[int]:  # noqa: ARG001
    image = open_image(path)
    if not isinstance(image, Pyramid):
        return frozenset(np.unique(read_mask(path)).tolist())
    height, width = image.geometry.shape
    rows = max(256, _AT_ONCE // max(1, width) // 256 * 256)
    found: set[int] = set()
    codes = image.as_codes()
    for y in range(0, height, rows):
        block = codes.read(Region((y, 0), (min(rows, height - y), width)))[0]
        found.update(np.unique(block).tolist())
    return frozenset(found)
