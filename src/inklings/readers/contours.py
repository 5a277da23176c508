"""Which samples lie within closed outlines in a plane.

A sample belongs to an outline if its centre lies within, by the rule of even and odd crossings: an
outline within another is a hole, and a channel of no width that leads to a hole (a keyhole) changes
nothing. A centre on an edge counts at the lower end of an axis and not at the upper one, so that a
square from 2 to 5 holds the nine centres 2, 3 and 4 on each axis, and of two outlines that share an
edge each sample belongs to one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float64]
"""``(N, 2)``, ``(y, x)`` in samples; whole numbers are centres; closed without saying so."""

_GRAIN = 1000
"""Outlines are rounded to this part of a sample: files hold decimals of millimetres."""


def filled(rings: Sequence[Ring], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """``shape`` (y, x), True where an odd number of outlines lies around a centre."""
    out = np.zeros(shape, np.bool_)
    if not len(rings):
        return out
    corners = np.concatenate(list(rings))
    low = np.clip(np.floor(corners.min(0)).astype(int), 0, shape)
    high = np.clip(np.ceil(corners.max(0)).astype(int) + 1, low, shape)
    (top, left), (height, width) = low, high - low
    turns = np.zeros((height, width + 1), np.int32)
    for ring in rings:
        rows, columns = _crossings(ring)
        inside = (rows >= top) & (rows < top + height)
        at = np.clip(columns[inside] - left, 0, width)
        np.add.at(turns, (rows[inside] - top, at), 1)
    out[top : high[0], left : high[1]] = np.cumsum(turns[:, :width], axis=1) % 2 == 1
    return out


def _crossings(ring: Ring) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Rows of centres that edges cross, and the first centre at or behind each crossing."""
    points = np.rint(np.asarray(ring, float) * _GRAIN) / _GRAIN
    ends = np.roll(points, -1, axis=0)
    down = points[:, 0] <= ends[:, 0]
    top = np.where(down[:, None], points, ends)
    low = np.where(down[:, None], ends, points)
    first, stop = np.ceil(top[:, 0]).astype(int), np.ceil(low[:, 0]).astype(int)
    counts = np.maximum(stop - first, 0)
    edge = np.repeat(np.arange(len(points)), counts)
    before = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else counts
    rows = first[edge] + np.arange(len(edge)) - before[edge]
    rise = low[edge, 0] - top[edge, 0]
    share = (rows - top[edge, 0]) / rise
    crossed = top[edge, 1] + share * (low[edge, 1] - top[edge, 1])
    return rows, np.ceil(crossed - 1e-6).astype(int)


def same(one: Ring, other: Ring) -> bool:
    """Whether two outlines have the same corners in the same order, from whichever begun."""
    if len(one) != len(other):
        return False
    a, b = (np.rint(ring * _GRAIN).astype(int) for ring in (one, other))
    for way in (b, b[::-1]):
        starts = np.flatnonzero((way == a[0]).all(1))
        if any(np.array_equal(a, np.roll(way, -start, axis=0)) for start in starts.tolist()):
            return True
    return False


def cross(rings: Sequence[Ring], shape: tuple[int, int]) -> int:
    """How many pairs of outlines overlap in part: neither apart, nor one within the other."""
    boxes = [(ring.min(0), ring.max(0)) for ring in rings]
    masks: dict[int, NDArray[np.bool_]] = {}
    found = 0
    for i, (low, high) in enumerate(boxes):
        for j in range(i + 1, len(boxes)):
            if (low > boxes[j][1]).any() or (high < boxes[j][0]).any():
                continue
            one, other = (
                masks.setdefault(k, filled([rings[k]], shape)) if k not in masks else masks[k]
                for k in (i, j)
            )
            both = int((one & other).sum())
            found += 0 < both < min(int(one.sum()), int(other.sum()))
    return found
