"""Volumes from one grid to another of the same extent, and back, exactly placed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import GeometryError
from inklings.geometry import Geometry
from inklings.readers.volume import weights

_BLOCK = 16_000_000  # samples of the result that are made at once
_SAME = 1e-6


def respaced(
    array: NDArray[Any], here: Geometry, there: Geometry, nearest: bool = False
) -> NDArray[Any]:
    """``array`` on the grid ``there``, of the same type.

    Linear where ``there`` is finer, an average without aliases where it is coarser, on each axis
    by itself; the result is made by blocks of planes, so that only these are held as floats.

    Args:
        array: ``(C, *here.shape)``.
        here: Its grid.
        there: A grid made by `Geometry.at` from ``here``, or the one that ``here`` was made from.
        nearest: Take the sample that is nearest: for codes.

    Raises:
        GeometryError: If the two do not share their outer corner, or ``array`` is not on ``here``.
    """
    if array.shape[1:] != here.shape:
        raise GeometryError(f"expected samples on a grid of {here.shape}, got {array.shape[1:]}")
    if same_grid(here, there):
        return array
    factors = _factors(here, there)
    out = np.empty((len(array), *there.shape), array.dtype)
    planes = max(1, _BLOCK // max(1, len(array) * there.shape[1] * there.shape[2]))
    rest = [
        weights(0, n, f, side, nearest)
        for n, f, side in zip(there.shape[1:], factors[1:], here.shape[1:], strict=True)
    ]
    for z in range(0, there.shape[0], planes):
        count = min(planes, there.shape[0] - z)
        first = weights(z, count, factors[0], here.shape[0], nearest)
        out[:, z : z + count] = _block(array, [first, *rest], factors, nearest)
    return out


def same_grid(here: Geometry, there: Geometry) -> bool:
    """Whether two grids of one extent are the same."""
    return here.shape == there.shape and (
        here.spacing == there.spacing
        or bool(np.allclose(here.spacing or 0, there.spacing or 0, rtol=_SAME))
    )


def _block(
    array: NDArray[Any],
    taps: list[tuple[int, NDArray[np.float32]]],
    factors: tuple[float, ...],
    nearest: bool,
) -> NDArray[Any]:
    where = tuple(slice(low, low + matrix.shape[1]) for low, matrix in taps)
    block = array[(slice(None), *where)]
    if nearest:
        for axis, (_, matrix) in enumerate(taps, 1):
            block = np.take(block, matrix.argmax(1), axis)
        return block
    result: NDArray[Any] = block.astype(np.float32)
    # What shrinks comes first: less is left for the other axes.
    for axis in sorted(range(3), key=lambda a: factors[a], reverse=True):
        result = np.moveaxis(np.tensordot(taps[axis][1], result, (1, axis + 1)), 0, axis + 1)
    return np.rint(result) if np.issubdtype(array.dtype, np.integer) else result


def _factors(here: Geometry, there: Geometry) -> tuple[float, ...]:
    mm, other = np.array(here.require_spacing()), np.array(there.require_spacing())
    corners = [g.to_points(np.full(3, -0.5)) for g in (here, there)]
    off = float(np.abs(corners[0] - corners[1]).max())
    if off > 1e-3 * float(min(mm.min(), other.min())) + 1e-4:
        raise GeometryError(f"expected two grids of one extent, got corners {off:.3g} mm apart")
    return tuple((other / mm).tolist())
