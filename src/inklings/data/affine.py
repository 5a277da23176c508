"""Turning and scaling of pictures and of patches of volumes, about their middle."""

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
class Affine:
    """Turn and scale about the middle of the crop; bilinear for inputs, nearest for targets.

    What comes from beyond the crop is mirrored, in inputs and targets alike.

    Attributes:
        rotate: Largest angle, in degrees, either way.
        scale: Largest change of size: 0.2 draws factors between 1 / 1.2 and 1.2.
        probability: How often anything is done at all.
    """

    rotate: float = 15.0
    scale: float = 0.2
    probability: float = 0.5

    def __post_init__(self) -> None:
        if self.scale < 0:
            raise SpecError(f"augmentation 'affine': expected scale >= 0, got {self.scale}")

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The sample, perhaps turned and scaled."""
        chance, turn, size = rng.random(3)
        if chance >= self.probability:
            return sample
        angle = math.radians(self.rotate * (2 * turn - 1))
        return warp(sample, angle, (1 + self.scale) ** (2 * size - 1))


@dataclass(frozen=True)
class Affine3D(Affine):
    """Turn about the three axes and scale, about the middle of the patch of a volume.

    Linear for inputs, nearest for targets; what comes from beyond the patch is mirrored, in
    inputs and targets alike. Angles are those of the sample grid: give ``tilt`` 0 where planes
    lie much farther apart than samples within them.

    Attributes:
        rotate: Largest angle within the plane, in degrees, either way.
        tilt: Largest angle out of the plane, about either of its axes.
        scale: Largest change of size: 0.2 draws factors between 1 / 1.2 and 1.2.
        probability: How often anything is done at all.
    """

    tilt: float = 10.0

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The sample, perhaps turned and scaled."""
        chance, size, *turns = rng.random(5)
        if chance >= self.probability:
            return sample
        largest = (self.rotate, self.tilt, self.tilt)
        angles = [math.radians(a * (2 * t - 1)) for a, t in zip(largest, turns, strict=True)]
        return warp3d(sample, rotation(*angles), (1 + self.scale) ** (2 * size - 1))


def warp(sample: Sample, angle: float, factor: float) -> Sample:
    """``sample`` turned by ``angle`` radians from y towards x and enlarged by ``factor``.

    A point at offset ``(dy, dx)`` from the middle goes to ``factor * R (dy, dx)`` with
    ``R = [[cos, -sin], [sin, cos]]``.
    """
    height, width = sample.valid.shape
    y, x = np.meshgrid(
        np.arange(height, dtype=np.float32) - (height - 1) / 2,
        np.arange(width, dtype=np.float32) - (width - 1) / 2,
        indexing="ij",
    )
    cos, sin = np.float32(math.cos(angle) / factor), np.float32(math.sin(angle) / factor)
    rows = _mirrored(cos * y + sin * x + np.float32((height - 1) / 2), height)
    columns = _mirrored(cos * x - sin * y + np.float32((width - 1) / 2), width)
    middle = np.array([height - 1, width - 1]) / 2
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    nearest = np.rint(rows).astype(np.intp) * width + np.rint(columns).astype(np.intp)

    def channels(array: NDArray[Any]) -> NDArray[Any]:
        taken: NDArray[Any] = array.reshape(len(array), -1).take(nearest, axis=1)
        return taken

    return Sample(
        _bilinear(sample.inputs, rows, columns),
        channels(sample.value),
        channels(sample.known),
        sample.valid.ravel().take(nearest),
        sample.scale,
        None if sample.points is None else (sample.points - middle) @ (factor * turn).T + middle,
        None if sample.assumed is None else channels(sample.assumed),
        None if sample.objects is None else channels(sample.objects),
    )


def _mirrored(position: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    last = np.float32(size - 1)
    folded: NDArray[np.float32] = last - np.abs(np.mod(position, 2 * last) - last)
    return folded


def _bilinear(
    image: NDArray[np.float32], rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    channels, height, width = image.shape
    flat = image.reshape(channels, -1)
    top = np.minimum(rows.astype(np.intp), height - 2)
    left = np.minimum(columns.astype(np.intp), width - 2)
    down, right = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    first = top * width + left
    upper = flat.take(first, axis=1) * (1 - right) + flat.take(first + 1, axis=1) * right
    first += width
    lower = flat.take(first, axis=1) * (1 - right) + flat.take(first + 1, axis=1) * right
    result: NDArray[np.float32] = upper * (1 - down) + lower * down
    return result


def rotation(about_z: float, about_y: float, about_x: float) -> NDArray[np.float64]:
    """Matrix for offsets ``(z, y, x)``: first about z (from y towards x), then y, then x."""
    turned = np.eye(3)
    for angle, (a, b) in ((about_z, (1, 2)), (about_y, (0, 2)), (about_x, (0, 1))):
        one = np.eye(3)
        one[a, a] = one[b, b] = math.cos(angle)
        one[b, a], one[a, b] = math.sin(angle), -math.sin(angle)
        turned = one @ turned
    return turned


def warp3d(sample: Sample, turn: NDArray[np.float64], factor: float) -> Sample:
    """``sample`` whose point at offset ``d`` from the middle goes to ``factor * turn @ d``."""
    back = turn.T / factor
    middle = (np.array(sample.valid.shape) - 1) / 2
    shift = middle - back @ middle

    def moved(array: NDArray[Any], order: int) -> NDArray[Any]:
        result: NDArray[Any] = ndimage.affine_transform(
            array, back, shift, order=order, mode="mirror"
        )
        return result

    def flags(array: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return moved(array.view(np.uint8), 0).astype(np.bool_)

    return Sample(
        np.stack([moved(channel, 1) for channel in sample.inputs]),
        np.stack([moved(channel, 0) for channel in sample.value]),
        np.stack([flags(channel) for channel in sample.known]),
        flags(sample.valid),
        sample.scale,
        None if sample.points is None else (sample.points - middle) @ (factor * turn).T + middle,
        None if sample.assumed is None else np.stack([flags(mask) for mask in sample.assumed]),
        objects=None
        if sample.objects is None
        else np.stack([moved(channel, 0) for channel in sample.objects]),
    )
