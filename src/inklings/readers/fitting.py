"""Masks onto the grid of their image: turned, by either form of a NIfTI, as codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import GeometryError
from inklings.geometry import Geometry

_NOISE = 1e-4  # of numbers that were whole before they were resampled or averaged
_HALF_STEP = 0.505
_LARGEST_STEP = 0.5


def reoriented(array: NDArray[Any], own: Geometry, target: Geometry) -> NDArray[Any]:
    """``array (*own.shape)`` with its axes exchanged and turned as ``target`` has them.

    Raises:
        GeometryError: If the two are not one grid, stored in another order of axes or samples.
    """
    local = np.linalg.solve(target.axes, own.axes)[::-1, ::-1]
    order = np.abs(local).argmax(1)
    signs = np.sign(local[np.arange(3), order])
    if sorted(order.tolist()) != [0, 1, 2]:
        raise GeometryError("the two grids are rotated against each other")
    turned = np.transpose(array, order)
    turned = turned[tuple(slice(None, None, -1 if sign < 0 else 1) for sign in signs)]
    corners = np.array([[0, 0, 0], [n - 1 for n in target.shape]], float)
    if turned.shape == target.shape:
        back = np.where(signs > 0, corners, np.array(target.shape) - 1 - corners)
        stored = np.empty_like(back)
        stored[:, order] = back
        off = np.abs(own.to_points(stored) - target.to_points(corners)).max()
        if off < 0.1 * min(target.require_spacing()):
            return turned
        raise GeometryError(f"the two grids have one shape, but lie {off:.3g} mm apart")
    raise GeometryError(f"expected a grid of {target.shape} samples, got {turned.shape}")


def fitted(
    array: NDArray[Any], owns: Sequence[Geometry], targets: Sequence[Geometry]
) -> tuple[NDArray[Any], str]:
    """`reoriented` onto the first of ``targets``, if any form of one file fits any of the other.

    Args:
        array: ``(*owns[0].shape)``.
        owns: Grids that its file says it lies on, the one that counts first.
        targets: The same of the other file.

    Returns:
        The samples, and words on the form that fits where it is not the one that counts.

    Raises:
        GeometryError: If none fits; of the two that count.
    """
    first: GeometryError | None = None
    for k, target in enumerate(targets):
        for j, own in enumerate(owns):
            try:
                moved = reoriented(array, own, target)
            except GeometryError as error:
                first = first or error
                continue
            parts = []
            if k:
                off = targets[0].apart(target)
                parts.append(f"on the qform of its image, which lies {off:.2f} mm from the sform")
            if j:
                off = owns[0].apart(own)
                parts.append(f"by its own qform, which lies {off:.2f} mm from its sform")
            return moved, " and ".join(parts)
    assert first is not None
    raise first


def whole_numbers(array: NDArray[Any], step: float) -> NDArray[np.int32] | None:
    """Codes that a program has stored as fractions, as the whole numbers they were; None if not.

    A value may be half a step off, as rescaling leaves it, if no step is so large that it could
    hide a difference between codes.

    Args:
        array: Real numbers.
        step: As of a `Volume`.
    """
    near = np.rint(array)
    limit = max(_NOISE, _HALF_STEP * step) if step <= _LARGEST_STEP else _NOISE
    same = np.isfinite(array).all() and bool((np.abs(array - near) <= limit).all())
    return near.astype(np.int32) if same else None
