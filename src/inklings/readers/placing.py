"""A part of a grid, put where it belongs: cropped, turned, or with planes left out.

Programs that segment keep what they drew in as few samples as they can: only the planes that hold
something, only the box around it, or axes in another order than the scan. What lies on the samples
of the scan is placed exactly; everything else is refused, and never resampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import GeometryError
from inklings.geometry import Geometry

_OFF = 0.1
"""Share of a sample by which two grids that are called one may differ."""


@dataclass(frozen=True)
class Placed:
    """Samples on the grid of an image.

    Attributes:
        array: ``(*target.shape)``, 0 where nothing was placed.
        outside: How many samples other than 0 lie beyond the image, and were dropped.
        every: Planes of the image for one plane placed: 2 where each second one was left out.
    """

    array: NDArray[Any]
    outside: int
    every: int


def placed(array: NDArray[Any], own: Geometry, target: Geometry) -> Placed:
    """``array (*own.shape)`` on the grid ``target``.

    Args:
        array: Codes or a mask.
        own: Its grid; along the first axis it may take every second sample of ``target`` or fewer.
        target: The grid of the image.

    Raises:
        GeometryError: If the samples of the two grids do not coincide.
    """
    start, steps = _steps(own, target)
    order = _order(steps, own, target)
    factors = [int(steps[a, t]) for a, t in enumerate(order)]
    turned = np.transpose(array, [order.index(t) for t in range(3)])
    source, there, every = [], [], 1
    for axis, side in enumerate(target.shape):
        mine = order.index(axis)
        count, factor = own.shape[mine], factors[mine]
        first = int(start[axis]) + min(factor, 0) * (count - 1)
        if factor < 0:
            turned = np.flip(turned, axis)
        factor = abs(factor)
        low = max(0, -(first // factor))
        high = min(count, (side - 1 - first) // factor + 1)
        high = max(low, high)
        source.append(slice(low, high))
        there.append(slice(first + low * factor, first + high * factor - factor + 1, factor))
        every = max(every, factor)
    out = np.zeros(target.shape, array.dtype)
    inside = turned[tuple(source)]
    if inside.size:
        out[tuple(there)] = inside
    return Placed(out, int(np.count_nonzero(array)) - int(np.count_nonzero(inside)), every)


def fits(own: Geometry, target: Geometry) -> bool:
    """Whether `placed` takes samples of the one grid onto the other, and some lie within it."""
    try:
        start, steps = _steps(own, target)
        _order(steps, own, target)
    except GeometryError:
        return False
    ends = np.stack([start, start + (np.array(own.shape) - 1) @ steps])
    return bool((ends.max(0) >= 0).all() and (ends.min(0) < target.shape).all())


def _steps(own: Geometry, target: Geometry) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Index of the first sample in ``target``, and the way that each axis goes a sample."""
    corners = np.concatenate([np.zeros((1, 3)), np.eye(3)])
    found = target.to_indices(own.to_points(corners))
    first, ways = found[0], found[1:] - found[0]
    start, steps = np.rint(first).astype(int), np.rint(ways).astype(int)
    length = np.array(own.shape) - 1
    off = np.abs(first - start) + (np.abs(ways - steps) * length[:, None]).sum(0)
    alone = np.array(own.shape) == 1
    steps[alone] = 0
    if ((np.abs(ways) > 0.02) & (np.abs(ways - steps) > 0.02))[~alone].any():
        raise GeometryError(_unlike(own, target, ways))
    if float(off.max()) > _OFF:
        raise GeometryError(f"the two grids lie up to {float(off.max()):.2g} samples apart")
    return start, steps


def _order(steps: NDArray[np.int_], own: Geometry, target: Geometry) -> list[int]:
    """Which axis of ``target`` each of the own runs along; ``steps`` of single planes are set."""
    order: list[int | None] = [None, None, None]
    for axis, row in enumerate(steps):
        along = np.flatnonzero(row)
        if own.shape[axis] == 1:
            continue
        if len(along) != 1 or (axis and abs(int(row[along[0]])) != 1):
            raise GeometryError(_unlike(own, target, steps.astype(float)))
        order[axis] = int(along[0])
    free = [t for t in range(3) if t not in order]
    # A single plane lies across what is left; of several such axes the nearest is as good.
    for axis in range(3):
        if order[axis] is None:
            across = axis if axis in free else free[0]
            free.remove(across)
            order[axis], steps[axis, across] = across, 1
    found = [t for t in order if t is not None]
    if sorted(found) != [0, 1, 2]:
        raise GeometryError("the two grids are rotated against each other")
    return found


def _unlike(own: Geometry, target: Geometry, ways: NDArray[np.float64]) -> str:
    lengths = np.abs(ways).max(1)
    if (np.abs(np.abs(ways).sum(1) - lengths) > 0.02 * np.maximum(lengths, 1)).any():
        return "the two grids are rotated against each other"
    mine = " x ".join(f"{mm:.4g}" for mm in own.require_spacing())
    other = " x ".join(f"{mm:.4g}" for mm in target.require_spacing())
    return (
        f"expected samples of {other} mm as the image has them, got {mine} mm; a mask of another "
        "resolution is not resampled"
    )
