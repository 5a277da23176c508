"""Boxes of a volume around places, sized in millimetres, moved and disturbed for training.

Moves of a box are matrices, which are multiplied before the box is resampled once: a shift and a
turn after another would blur it twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from inklings.data import build_transforms
from inklings.geometry import Geometry
from inklings.spec import Component

Triple = tuple[int, int, int]
Matrix = NDArray[np.float64]
"""``(4, 4)``: from an index of the box, measured from its middle, to one of the source."""


def cut_box(
    values: NDArray[Any],
    geometry: Geometry,
    point_mm: Sequence[float],
    sides: Triple,
    spacing_mm: float | Literal["voxels"],
) -> NDArray[np.float32]:
    """A box of ``sides`` samples around a point, by linear interpolation.

    What is finer than the box is smoothed first; beyond the border the last sample is repeated.

    Args:
        values: The whole volume, ``(z, y, x)``.
        geometry: Its grid.
        point_mm: Middle of the box, ``(x, y, z)``.
        sides: Samples of the box.
        spacing_mm: Between them; ``voxels`` takes those of the volume.
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
    return out


def cut_cube(volume: NDArray[Any], start: NDArray[np.int_], side: int) -> NDArray[Any]:
    """``side`` samples along each axis from ``start`` on; beyond the border it is repeated."""
    taps = [
        np.clip(np.arange(a, a + side), 0, n - 1) for a, n in zip(start, volume.shape, strict=True)
    ]
    cube: NDArray[Any] = volume[np.ix_(*taps)]
    return cube


@runtime_checkable
class Move(Protocol):
    """One random change of where a box lies and how it is turned."""

    def matrix(self, rng: Generator, sides: Triple) -> Matrix:
        """From the changed box to the box as it was."""


@dataclass(frozen=True)
class BoxFlips:
    """Reflect each axis half of the time."""

    def matrix(self, rng: Generator, sides: Triple) -> Matrix:  # noqa: ARG002
        """A diagonal of ones and minus ones."""
        return np.diag([*np.where(rng.random(3) < 0.5, -1.0, 1.0), 1.0])


@dataclass(frozen=True)
class Offset:
    """Shift along each axis.

    The shift stands in the last column, where it moves the crop; the reference of the nodules
    wrote it into the last row, which is thrown away, and so never moved anything.

    Attributes:
        share: Largest shift, as a share of half a side.
    """

    share: float = 0.1

    def matrix(self, rng: Generator, sides: Triple) -> Matrix:
        """A shift."""
        shift = np.eye(4)
        shift[:3, 3] = rng.uniform(-self.share, self.share, 3) * np.array(sides) / 2
        return shift


@dataclass(frozen=True)
class Scale:
    """Stretch, all axes alike: a ball stays round.

    Attributes:
        share: Largest change of size.
    """

    share: float = 0.2

    def matrix(self, rng: Generator, sides: Triple) -> Matrix:  # noqa: ARG002
        """A multiple of the identity."""
        factor = 1 + rng.uniform(-self.share, self.share)
        return np.diag([factor, factor, factor, 1.0])


@dataclass(frozen=True)
class Rotate:
    """Turn by any angle within the axial plane."""

    def matrix(self, rng: Generator, sides: Triple) -> Matrix:  # noqa: ARG002
        """A rotation about z."""
        angle = rng.uniform(0, 2 * np.pi)
        turn = np.eye(4)
        turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        return turn


@dataclass(frozen=True)
class BoxNoise:
    """Normal noise on every sample.

    Attributes:
        hu: Standard deviation, where the grey values of a box reach over ``range_hu``.
        range_hu: Hounsfield units from 0 to 1.
    """

    hu: float = 25.0
    range_hu: float = 1400.0


class BoxTransforms:
    """The augmentation of boxes: all moves at once, and noise on what they give.

    Args:
        asked: Names and options: ``flips``, ``offset``, ``scale``, ``rotate``, ``noise``.

    Raises:
        SpecError: If a name or an option is unknown.
    """

    def __init__(self, asked: Sequence[Component]) -> None:
        parts = build_transforms(asked, "boxes")
        self._moves = [part for part in parts if isinstance(part, Move)]
        self._noise = [p for p in parts if isinstance(p, BoxNoise) and p.hu]

    def planes(
        self,
        inputs: NDArray[np.float32],
        mask: NDArray[np.bool_],
        sides: tuple[int, int],
        rng: Generator,
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The middle of a stack of planes ``(C, H, W)`` in HU and of a mask ``(H, W)``, alike.

        Each plane is moved in itself: what would exchange planes or lie between them is left out.
        """
        matrix = self._matrix(rng, (len(inputs), *sides))[1:, 1:]
        half, middle = (np.array(sides) - 1) / 2, (np.array(mask.shape) - 1) / 2
        start = matrix[:2, :2] @ -half + matrix[:2, 2] + middle

        def moved(plane: NDArray[np.float32]) -> NDArray[np.float32]:
            out: NDArray[np.float32] = ndimage.affine_transform(
                plane, matrix[:2, :2], start, sides, order=1, mode="nearest"
            )
            return out

        shown = np.stack([moved(plane) for plane in inputs])
        for part in self._noise:
            shown += np.float32(part.hu) * rng.standard_normal(shown.shape, np.float32)
        return shown, moved(mask.astype(np.float32)) > 0.5

    def _matrix(self, rng: Generator, sides: Triple) -> Matrix:
        matrix = np.eye(4)
        for move in self._moves:
            matrix = matrix @ move.matrix(rng, sides)
        return matrix

    def __call__(
        self, cube: NDArray[np.uint8], sides: Triple, rng: Generator
    ) -> NDArray[np.float32]:
        """The middle of ``cube``, ``sides`` samples of it in [0, 1], changed."""
        matrix = self._matrix(rng, sides)
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
        for part in self._noise:
            out += np.float32(part.hu / part.range_hu) * rng.standard_normal(sides, np.float32)
        changed: NDArray[np.float32] = out
        return changed


def middle_of(cube: NDArray[Any], sides: Triple) -> NDArray[Any]:
    """The ``sides`` samples in the middle of ``cube``."""
    starts = [(n - s) // 2 for n, s in zip(cube.shape, sides, strict=True)]
    return cube[tuple(slice(a, a + s) for a, s in zip(starts, sides, strict=True))]
