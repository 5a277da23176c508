"""Small cubes around places of a CT, sized in millimetres, turned and disturbed for training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from inklings.applications.lung_nodules.spec import WINDOW_HU
from inklings.detection.scan import to_grey
from inklings.errors import SpecError
from inklings.geometry import Geometry
from inklings.registry import Registry
from inklings.spec import Component

Triple = tuple[int, int, int]
Matrix = NDArray[np.float64]
"""``(4, 4)``: from an index of the crop, measured from its middle, to one of the source."""


def cut_at(
    values: NDArray[Any],
    geometry: Geometry,
    point_mm: Sequence[float],
    sides: Triple,
    spacing_mm: float | Literal["voxels"],
) -> NDArray[np.uint8]:
    """A box of ``sides`` samples around a point, as grey values.

    Args:
        values: The whole CT, ``(z, y, x)`` in HU.
        geometry: Its grid.
        point_mm: Middle of the box, ``(x, y, z)``.
        sides: Samples of the box.
        spacing_mm: Between them; ``voxels`` takes those of the CT.
    """
    mine = geometry.require_spacing()
    steps = (1.0,) * 3 if spacing_mm == "voxels" else tuple(spacing_mm / mm for mm in mine)
    middle = geometry.to_indices(point_mm)
    if spacing_mm == "voxels":
        middle = np.rint(middle)
    taps = [
        (np.arange(n) - (n - 1) / 2) * step + centre
        if spacing_mm != "voxels"
        else np.arange(n) - n // 2 + centre
        for n, step, centre in zip(sides, steps, middle, strict=True)
    ]
    low, high = [], []
    for tap, side in zip(taps, values.shape, strict=True):
        low.append(int(np.clip(np.floor(tap[0]) - 1, 0, side - 1)))
        high.append(int(np.clip(np.ceil(tap[-1]) + 2, low[-1] + 1, side)))
    part = values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].astype(np.float32)
    sigma = [max(0.0, (step - 1) / 2) for step in steps]
    if any(s > 0.3 for s in sigma):
        part = ndimage.gaussian_filter(part, sigma)
    out = part
    for axis, (t, a) in enumerate(zip(taps, low, strict=True)):  # linear on each axis by itself
        place = np.clip(t - a, 0, out.shape[axis] - 1)
        first = np.minimum(np.floor(place).astype(int), max(out.shape[axis] - 2, 0))
        after = np.minimum(first + 1, out.shape[axis] - 1)
        share = (
            (place - first).astype(np.float32).reshape([-1 if b == axis else 1 for b in range(3)])
        )
        out = np.take(out, first, axis) * (1 - share) + np.take(out, after, axis) * share
    return to_grey(out, *WINDOW_HU)


def flip(matrix: Matrix, rng: Generator, sides: Triple) -> Matrix:  # noqa: ARG001
    """Reflect each axis half of the time."""
    return matrix @ np.diag([*np.where(rng.random(3) < 0.5, -1.0, 1.0), 1.0])


def offset(matrix: Matrix, rng: Generator, sides: Triple, share: float = 0.1) -> Matrix:
    """Shift by up to ``share`` of half a side on each axis.

    The shift stands in the last column, where it moves the crop; the reference wrote it into the
    last row, which is thrown away, and so never moved anything.
    """
    shift = np.eye(4)
    shift[:3, 3] = rng.uniform(-share, share, 3) * np.array(sides) / 2
    return matrix @ shift


def scale(matrix: Matrix, rng: Generator, sides: Triple, share: float = 0.2) -> Matrix:  # noqa: ARG001
    """Stretch by up to ``share``, all axes alike: a nodule stays round."""
    factor = 1 + rng.uniform(-share, share)
    return matrix @ np.diag([factor, factor, factor, 1.0])


def rotate(matrix: Matrix, rng: Generator, sides: Triple) -> Matrix:  # noqa: ARG001
    """Turn by any angle within the axial plane."""
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return matrix @ turn


CHANGES: Registry[Matrix] = Registry(
    "nodule augmentation",
    {
        "flip": "inklings.applications.lung_nodules.patches:flip",
        "offset": "inklings.applications.lung_nodules.patches:offset",
        "scale": "inklings.applications.lung_nodules.patches:scale",
        "rotate": "inklings.applications.lung_nodules.patches:rotate",
    },
)
_NOISE = "noise"
_HU_RANGE = 1400.0


class Changes:
    """The augmentation of an experiment; every change in it takes effect.

    Args:
        asked: Names and options: ``flip``, ``offset``, ``scale``, ``rotate``, ``noise`` (``hu``).

    Raises:
        SpecError: If a name or an option is unknown.
    """

    def __init__(self, asked: Sequence[Component]) -> None:
        self._moves = []
        self._noise = 0.0
        for one in asked:
            if one.name == _NOISE:
                unknown = set(one.options) - {"hu"}
                if unknown:
                    raise SpecError(f"augment noise: expected hu, got {', '.join(sorted(unknown))}")
                self._noise = float(one.options.get("hu", 25.0)) / _HU_RANGE
            else:
                blank = {"matrix": None, "rng": None, "sides": None}
                move: Any = CHANGES.require(one.name, {**blank, **one.options})
                self._moves.append((move, one.options))

    def __call__(
        self, cube: NDArray[np.uint8], sides: Triple, rng: Generator
    ) -> NDArray[np.float32]:
        """The middle of ``cube``, ``sides`` samples of it in [0, 1], changed."""
        matrix = np.eye(4)
        for move, options in self._moves:
            matrix = move(matrix, rng, sides, **options)
        half = (np.array(sides) - 1) / 2
        middle = (np.array(cube.shape) - 1) / 2
        linear = matrix[:3, :3]
        start = linear @ -half + matrix[:3, 3] + middle
        if self._moves:
            out = ndimage.affine_transform(
                cube.astype(np.float32), linear, start, sides, order=1, mode="nearest"
            )
        else:
            out = middle_of(cube, sides).astype(np.float32)
        out /= 255
        if self._noise:
            out += np.float32(self._noise) * rng.standard_normal(sides, np.float32)
        changed: NDArray[np.float32] = out
        return changed


def middle_of(cube: NDArray[Any], sides: Triple) -> NDArray[Any]:
    """The ``sides`` samples in the middle of ``cube``."""
    starts = [(n - s) // 2 for n, s in zip(cube.shape, sides, strict=True)]
    return cube[tuple(slice(a, a + s) for a, s in zip(starts, sides, strict=True))]
