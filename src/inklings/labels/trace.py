"""Masks to polygons along the edges of samples, so that the polygons hold the same samples again.

Samples that touch at a corner only are parts of their own (4-connected), holes are the opposite;
a ring never passes one corner twice, so every polygon is valid as OGC and shapely have it, and
its area is its number of samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.labels.kinds import Ring

Corner = tuple[int, int]
Polygon = tuple[Ring, ...]


def polygons_of(mask: NDArray[np.bool_], corner: tuple[int, int] = (0, 0)) -> tuple[Polygon, ...]:
    """The polygons of a mask ``(H, W)``, in order of their first sample.

    Args:
        mask: One object, of any number of parts.
        corner: Sample ``(y, x)`` at which the mask begins.

    Returns:
        For each part the outer ring, then holes: corners ``(y, x)`` half a sample beside centres,
        not closed. The outer ring turns from x to y, holes the other way.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return ()
    mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    corner = (corner[0] + int(rows[0]), corner[1] + int(columns[0]))
    parts, count = ndimage.label(np.pad(mask, 1))
    outer: list[Ring] = [()] * count
    holes: list[list[Ring]] = [[] for _ in range(count)]
    for ring in _rings(parts > 0):
        part, area = _part_and_area(ring, parts)
        moved = tuple((y - 1.5 + corner[0], x - 1.5 + corner[1]) for y, x in ring)
        if area > 0:
            outer[part - 1] = moved
        else:
            holes[part - 1].append(moved)
    return tuple((ring, *inside) for ring, inside in zip(outer, holes, strict=True))


def objects_of(numbers: NDArray[Any]) -> Iterator[tuple[int, tuple[Polygon, ...]]]:
    """Number and polygons of every object of ``numbers`` ``(H, W)``, 0 being none."""
    for number, box in enumerate(ndimage.find_objects(numbers.astype(np.int32)), 1):
        if box is not None:
            yield number, polygons_of(numbers[box] == number, (box[0].start, box[1].start))


def _rings(inside: NDArray[np.bool_]) -> Iterator[list[Corner]]:
    """Simple rings of corners ``(y, x)`` between samples; samples lie to their right."""
    code = inside[:-1, :-1] + 2 * inside[:-1, 1:] + 4 * inside[1:, :-1] + 8 * inside[1:, 1:]
    crossed = (code == 6) | (code == 9)  # two samples that touch at a corner
    odd = np.isin(code, (1, 2, 4, 8, 7, 11, 13, 14))
    ys, xs = np.nonzero(odd | crossed)
    twice = crossed[ys, xs]
    ys, xs = np.repeat(ys, 1 + twice), np.repeat(xs, 1 + twice)
    first = np.flatnonzero(np.r_[True, (ys[1:] != ys[:-1]) | (xs[1:] != xs[:-1])])
    second = np.zeros(len(ys), np.int64)
    second[np.setdiff1d(np.arange(len(ys)), first)] = 1
    # Along a row of corners, two and two are joined by an edge; along a column alike. At a corner
    # with four edges the left one goes with the upper one where the upper left sample is inside.
    along = np.arange(len(ys))
    beside = np.empty_like(along)
    beside[0::2], beside[1::2] = along[1::2], along[0::2]
    flipped = np.where(code[ys, xs] == 6, 1 - second, second)
    down = np.lexsort((flipped, ys, xs))
    below = np.empty_like(along)
    below[down[0::2]], below[down[1::2]] = down[1::2], down[0::2]
    across, upright = beside.tolist(), below.tolist()
    corners: list[Corner] = list(zip((ys + 1).tolist(), (xs + 1).tolist(), strict=True))
    seen = bytearray(len(corners))
    for start in range(len(corners)):
        if seen[start] or across[start] < start:
            continue
        here, ring = start, list[Corner]()
        right = inside[ys[start] + 1, xs[start] + 1]  # below an edge that goes right
        while not seen[here]:
            there = across[here]
            seen[here] = seen[there] = 1
            ring += [corners[here], corners[there]]
            here = upright[there]
        yield from _simple(ring if right else ring[::-1])


def _simple(ring: list[Corner]) -> Iterator[list[Corner]]:
    """A ring that passes a corner twice, as several that do not."""
    if len(set(ring)) == len(ring):
        yield ring
        return
    path: list[Corner] = []
    at: dict[Corner, int] = {}
    for corner in ring:
        if corner in at:
            cut = at[corner]
            yield path[cut:]
            for gone in path[cut:]:
                del at[gone]
            del path[cut:]
        at[corner] = len(path)
        path.append(corner)
    yield path


def _part_and_area(ring: list[Corner], parts: NDArray[Any]) -> tuple[int, float]:
    """The part that lies along a ring, and the area of the ring, negative of holes."""
    (y0, x0), (y1, x1) = ring[0], ring[1]
    y, x = np.array(ring, float).T
    area = float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)
    # To the right of an edge, with y down: below one that goes right, left of one that goes down.
    if y0 == y1:
        row, column = (y0, min(x0, x1)) if x1 > x0 else (y0 - 1, min(x0, x1))
    else:
        row, column = (min(y0, y1), x0 - 1) if y1 > y0 else (min(y0, y1), x0)
    return int(parts[row, column]), area
