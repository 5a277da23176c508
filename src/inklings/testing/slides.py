"""Pyramids whose pixels say where they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray


def coordinates(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Channel 0 is the row of the pixel, channel 1 its column."""
    places: NDArray[np.float32] = np.moveaxis(np.indices(shape), 0, -1).astype(np.float32)
    return places


def resized(finest: tuple[int, int], shape: tuple[int, int]) -> NDArray[np.float32]:
    """`coordinates` of level 0 at the centres of a level of any other size."""
    places = coordinates(shape)
    ratio = np.divide(finest, shape)
    return ((places + 0.5) * ratio - 0.5).astype(np.float32)


def halved(array: NDArray[Any], factor: int) -> NDArray[Any]:
    """Means of blocks; what is left over at the far borders is dropped, as scanners do."""
    h, w = (n // factor for n in array.shape[:2])
    blocks = array[: h * factor, : w * factor].reshape(h, factor, w, factor, -1)
    means: NDArray[Any] = blocks.mean((1, 3)).astype(array.dtype)
    return means


def write_levels(
    path: Path, levels: Sequence[NDArray[Any]], tile: int = 64, **options: Any
) -> Path:
    """A tiled TIFF with these levels."""
    with tifffile.TiffWriter(path) as file:
        for number, level in enumerate(levels):
            file.write(
                level,
                tile=(tile, tile),
                subfiletype=int(number > 0),
                metadata=None,
                photometric="rgb" if level.shape[-1] in (3, 4) else "minisblack",
                planarconfig="contig",
                **options,
            )
    return path
