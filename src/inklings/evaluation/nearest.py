"""From each border sample of one mask to the nearest of another: exact, quick where they agree.

Two segmentations of one thing share most of their border, and most of what they do not share lies
a few samples apart. So distances are looked up in the order of their length, by offset, and only
the few samples with nothing near them ask a tree of all points.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

_REACH = 3
"""Samples along each axis within which distances are looked up."""
_LEAF = 32


@dataclass(frozen=True)
class Borders:
    """Borders of two masks, in a box around both with `_REACH` samples to spare.

    Attributes:
        one: Samples of the first mask with a neighbour by face outside of it.
        other: The same of the second.
    """

    one: NDArray[np.bool_]
    other: NDArray[np.bool_]


def borders(
    one: NDArray[np.bool_], other: NDArray[np.bool_], beyond: bool = False
) -> Borders | None:
    """The borders of two masks ``(*S)`` on one grid; None if one of them has none.

    Args:
        one: A mask.
        other: Another.
        beyond: Whether what lies beyond the image counts as inside.
    """
    boxes = [_box(mask) for mask in (one, other)]
    if boxes[0] is None or boxes[1] is None:
        return None
    pairs = zip(boxes[0], boxes[1], strict=True)
    box = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in pairs)
    found = Borders(_border(one, box, beyond), _border(other, box, beyond))
    return found if found.one.any() and found.other.any() else None


def distances(
    found: Borders, spacing: Sequence[float], axes: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From each border sample of the first mask to the nearest of the second, and back.

    Args:
        found: Borders of both.
        spacing: Distance between samples along each axis, array order.
        axes: Directions of the axes, x first, as columns, where they may lean.
    """
    scale = np.diag(np.asarray(spacing, float))
    steps = scale if axes is None else scale @ axes[::-1, ::-1].T
    return _nearest(found.one, found.other, steps), _nearest(found.other, found.one, steps)


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...] | None:
    """Smallest box around a mask; all axes but the last are found in one pass over it."""
    mask = np.ascontiguousarray(mask)
    wide = mask.shape[-1] % 8 == 0 and mask.size > 0
    rows: NDArray[np.bool_] = np.any(mask.view(np.uint64) if wide else mask, axis=-1)
    if not rows.any():
        return None
    others = [tuple(a for a in range(rows.ndim) if a != axis) for axis in range(rows.ndim)]
    out = tuple(_ends(np.any(rows, axis=rest)) for rest in others)
    return (*out, _ends(np.any(mask[out], axis=tuple(range(rows.ndim)))))


def _ends(marked: NDArray[np.bool_]) -> slice:
    places = np.flatnonzero(marked)
    return slice(int(places[0]), int(places[-1]) + 1)


def _border(mask: NDArray[np.bool_], box: tuple[slice, ...], beyond: bool) -> NDArray[np.bool_]:
    size = tuple(s.stop - s.start for s in box)
    ground = np.zeros([n + 2 for n in size], np.bool_)
    middle = (slice(1, -1),) * mask.ndim
    ground[middle] = mask[box]
    kept = ground[middle]
    inner = np.ones(size, np.bool_)
    for axis, (part, n) in enumerate(zip(box, mask.shape, strict=True)):
        for side, at_edge in ((0, part.start == 0), (2, part.stop == n)):
            place = list(middle)
            place[axis] = slice(side, side + size[axis])
            if beyond and at_edge:
                outer = list(middle)
                outer[axis] = slice(0, 1) if side == 0 else slice(-1, None)
                ground[tuple(outer)] = True
            inner &= ground[tuple(place)]
    out = np.zeros([n + 2 * _REACH for n in size], np.bool_)
    out[(slice(_REACH, -_REACH),) * mask.ndim] = kept & ~inner
    return out


def _nearest(
    here: NDArray[np.bool_], there: NDArray[np.bool_], steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """For each sample of ``here``, in scan order, how far the nearest of ``there`` is."""
    places = np.flatnonzero(here)
    flat = there.ravel()
    out = np.zeros(len(places))
    open_ones = np.flatnonzero(~flat[places])
    for distance, jumps in _shells(there.shape, steps):
        if not open_ones.size:
            return out
        starts = places[open_ones]
        met = flat.take(starts + jumps[0])
        for jump in jumps[1:]:
            met |= flat.take(starts + jump)
        out[open_ones[met]] = distance
        open_ones = open_ones[~met]
    if open_ones.size:
        far = _points(places[open_ones], here.shape, steps)
        points = _points(np.flatnonzero(flat), here.shape, steps)
        tree = cKDTree(points, leafsize=_LEAF, balanced_tree=False, compact_nodes=False)
        out[open_ones] = tree.query(far)[0]
    return out


def _points(
    places: NDArray[np.intp], shape: tuple[int, ...], steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.stack(np.unravel_index(places, shape), -1) @ steps


def _shells(
    shape: tuple[int, ...], steps: NDArray[np.float64]
) -> list[tuple[float, NDArray[np.intp]]]:
    """Distances in rising order, with the jumps in a flat array that lead so far.

    Every offset that is not longer than the longest of them is among them: none is overlooked.
    """
    reach = range(-_REACH, _REACH + 1)
    offsets = np.array([o for o in itertools.product(reach, repeat=len(shape)) if any(o)])
    long = np.linalg.norm(offsets @ steps, axis=1)
    # An offset that reaches further along an axis is at least this long, however the axes lean.
    limit = (_REACH + 1) / np.linalg.norm(np.linalg.inv(steps), axis=0).max()
    strides = np.cumprod((1, *shape[:0:-1]))[::-1]
    near = long < limit * (1 - 1e-9)
    jumps, long = (offsets[near] @ strides).astype(np.intp), long[near]
    _, first, shell = np.unique(np.round(long, 9), return_index=True, return_inverse=True)
    return [(float(long[k]), jumps[shell == number]) for number, k in enumerate(first)]
