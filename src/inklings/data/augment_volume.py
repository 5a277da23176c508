"""Augmentation of patches of volumes; as in `inklings.data.augment`, all of a sample moves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from inklings.data.crops import Sample
from inklings.errors import SpecError


@dataclass(frozen=True)
class Affine3D:
    """Turn about the three axes and scale, about the middle of the patch.

    Linear for inputs, nearest for targets; what comes from beyond the patch is mirrored, in
    inputs and targets alike. Angles are those of the sample grid: give ``tilt`` 0 where planes
    lie much farther apart than samples within them.

    Attributes:
        rotate: Largest angle within the plane, in degrees, either way.
        tilt: Largest angle out of the plane, about either of its axes.
        scale: Largest change of size: 0.2 draws factors between 1 / 1.2 and 1.2.
        probability: How often anything is done at all.
    """

    rotate: float = 15.0
    tilt: float = 10.0
    scale: float = 0.2
    probability: float = 0.5

    def __post_init__(self) -> None:
        if self.scale < 0:
            raise SpecError(f"augmentation 'affine3d': expected scale >= 0, got {self.scale}")

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The sample, perhaps turned and scaled.

        Raises:
            SpecError: If it is no patch of a volume.
        """
        if sample.known.ndim != 3:
            raise SpecError("augmentation 'affine3d' turns patches; for planes take 'affine'")
        chance, size, *turns = rng.random(5)
        if chance >= self.probability:
            return sample
        largest = (self.rotate, self.tilt, self.tilt)
        angles = [math.radians(a * (2 * t - 1)) for a, t in zip(largest, turns, strict=True)]
        return warp(sample, rotation(*angles), (1 + self.scale) ** (2 * size - 1))


def rotation(about_z: float, about_y: float, about_x: float) -> NDArray[np.float64]:
    """Matrix for offsets ``(z, y, x)``: first about z (from y towards x), then y, then x."""
    turned = np.eye(3)
    for angle, (a, b) in ((about_z, (1, 2)), (about_y, (0, 2)), (about_x, (0, 1))):
        one = np.eye(3)
        one[a, a] = one[b, b] = math.cos(angle)
        one[b, a], one[a, b] = math.sin(angle), -math.sin(angle)
        turned = one @ turned
    return turned


def warp(sample: Sample, turn: NDArray[np.float64], factor: float) -> Sample:
    """``sample`` whose point at offset ``d`` from the middle goes to ``factor * turn @ d``."""
    back = turn.T / factor
    middle = (np.array(sample.known.shape) - 1) / 2
    shift = middle - back @ middle

    def moved(array: NDArray[Any], order: int) -> NDArray[Any]:
        result: NDArray[Any] = ndimage.affine_transform(
            array, back, shift, order=order, mode="mirror"
        )
        return result

    return Sample(
        np.stack([moved(channel, 1) for channel in sample.inputs]),
        np.stack([moved(channel, 0) for channel in sample.value]),
        moved(sample.known.view(np.uint8), 0).astype(np.bool_),
        moved(sample.valid.view(np.uint8), 0).astype(np.bool_),
        sample.scale,
    )
