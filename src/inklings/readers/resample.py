"""From the pixels of one level to those of a coarser grid, exactly placed.

Sample ``i`` of a grid covers ``i * step`` to ``(i + 1) * step`` of the level, counted in its pixels
from the outer edge of the first. What a sample becomes depends on its place alone and not on the
region it was asked for in: neighbouring regions meet without a seam.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

Pair = tuple[float, float]
Whole = tuple[int, int]
_SAME = 1e-6


def needed(start: Whole, size: Whole, step: Pair, margin: bool) -> tuple[Whole, Whole]:
    """First pixel, and one past the last, of the level that a region of the grid is made from."""
    around = [math.ceil(max(1.0, s)) + 1 if margin and not _whole(s) else 0 for s in step]
    low = [math.floor(a * s + _SAME) - m for a, s, m in zip(start, step, around, strict=True)]
    high = [
        math.ceil((a + n) * s - _SAME) + m
        for a, n, s, m in zip(start, size, step, around, strict=True)
    ]
    return (low[0], low[1]), (high[0], high[1])


def averaged(
    block: NDArray[Any], low: Whole, start: Whole, size: Whole, step: Pair
) -> NDArray[Any]:
    """Anti-aliased samples ``(*size, C)`` from ``block (h, w, C)``, which begins at pixel ``low``.

    Whole steps are means of pixels, as scanners make their levels; others are weighted with a
    triangle of one step to either side.
    """
    if all(abs(s - 1) < _SAME for s in step):
        return block
    box = [v * s - o for v, s, o in zip(start, step, low, strict=True)]
    ends = [(v + n) * s - o for v, n, s, o in zip(start, size, step, low, strict=True)]
    if all(_whole(s) for s in step):
        factors = (round(step[1]), round(step[0]))
        return _each_picture(block, lambda p: p.reduce(factors))
    where = (
        max(0.0, box[1]),
        max(0.0, box[0]),
        min(block.shape[1], ends[1]),
        min(block.shape[0], ends[0]),
    )
    how = Pillow.Resampling.BILINEAR
    return _each_picture(block, lambda p: p.resize((size[1], size[0]), how, box=where))


def picked(block: NDArray[Any], low: Whole, start: Whole, size: Whole, step: Pair) -> NDArray[Any]:
    """Samples ``(*size, C)`` that are the pixel under their centre: for codes of classes."""
    if all(abs(s - 1) < _SAME for s in step) and block.shape[:2] == size:
        return block
    rows, columns = (
        np.floor((np.arange(v, v + n) + 0.5) * s + _SAME).astype(np.intp) - o
        for v, n, s, o in zip(start, size, step, low, strict=True)
    )
    rows, columns = np.clip(rows, 0, len(block) - 1), np.clip(columns, 0, block.shape[1] - 1)
    samples: NDArray[Any] = block[rows][:, columns]
    return samples


def _each_picture(block: NDArray[Any], change: Any) -> NDArray[Any]:
    """Apply a change of Pillow's to colours at once, or to each channel as real numbers."""
    block = np.ascontiguousarray(block)
    if block.dtype == np.uint8 and block.shape[2] == 3:
        colours: NDArray[Any] = np.asarray(change(Pillow.fromarray(block)))
        return colours
    planes = [
        np.asarray(change(Pillow.fromarray(np.ascontiguousarray(block[..., c], np.float32))))
        for c in range(block.shape[2])
    ]
    out = np.stack(planes, axis=-1)
    if np.issubdtype(block.dtype, np.integer):
        out = np.rint(out)
    same: NDArray[Any] = out.astype(block.dtype)
    return same


def _whole(step: float) -> bool:
    return step >= 1 - _SAME and abs(step - round(step)) < _SAME
