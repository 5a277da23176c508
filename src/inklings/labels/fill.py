"""Samples inside closed outlines: even-odd, of many small outlines at once or one large one.

A sample belongs to an outline if its centre lies inside; a centre on the edge belongs to the
outline that goes on to its right and below, so that outlines with a common edge share no sample
and leave none out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float64]
Size = tuple[int, int]


def filled(ring: Ring, size: Size) -> NDArray[np.bool_]:
    """The samples of a grid of ``size`` inside one ring ``(N, 2)`` of ``(y, x)``."""
    _, rows, columns = _crossings([ring], size)
    flips = np.zeros((size[0], size[1] + 1), np.uint8)
    np.add.at(flips, (rows, columns), 1)
    inside = np.cumsum(flips, axis=1, dtype=np.uint8)[:, : size[1]] & 1
    return np.asarray(inside, np.bool_)


def inside(rings: Sequence[Ring], size: Size) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All samples inside each of many rings.

    Returns:
        ``(P,)`` number of the ring, and ``(P,)`` place of the sample in the flattened grid, in
        order of the rings.
    """
    owner, rows, columns = _crossings(rings, size)
    wide = size[1] + 1
    keys = np.sort((owner * size[0] + rows) * wide + columns)
    first, last = keys[0::2], keys[1::2]  # a closed ring crosses a row an even number of times
    length = last - first
    every = np.repeat(first - (np.cumsum(length) - length), length) + np.arange(length.sum())
    line, column = np.divmod(every, wide)
    number, row = np.divmod(line, size[0])
    return number, row * size[1] + column


def area(ring: Ring) -> float:
    """Samples that a ring ``(N, 2)`` covers, by the shoelace formula."""
    if len(ring) < 3:
        return 0.0
    y, x = (ring - ring[0]).T  # near 0, so that nothing is lost far from the corner of a slide
    return float(abs(y[:-1] @ x[1:] - x[:-1] @ y[1:]) / 2)


def _crossings(
    rings: Sequence[Ring], size: Size
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where edges cross the rows of a grid: ring, row, and first column to the right."""
    counts = np.array([len(ring) for ring in rings])
    corners = np.concatenate(rings) if rings else np.zeros((0, 2))
    after = np.arange(1, len(corners) + 1)
    ends = np.cumsum(counts)
    after[ends[counts > 0] - 1] = (ends - counts)[counts > 0]
    y, x = corners[:, 0], corners[:, 1]
    top, bottom = np.minimum(y, y[after]), np.maximum(y, y[after])
    first = np.clip(np.ceil(top), 0, size[0]).astype(np.int64)
    times = np.clip(np.ceil(bottom), 0, size[0]).astype(np.int64) - first
    edges = np.flatnonzero(times > 0)
    times = times[edges]
    edge: Any = np.repeat(edges, times)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(times) - times, times) + first[edge]
    to = after[edge]
    at = x[edge] + (row - y[edge]) * ((x[to] - x[edge]) / (y[to] - y[edge]))
    column = np.clip(np.ceil(at), 0, size[1]).astype(np.int64)
    return np.repeat(np.arange(len(rings)), counts)[edge], row, column
