"""Augmentation: what may change in an image without changing what it shows.

Everything that moves samples moves inputs, targets, ``known`` and ``valid`` together; everything
that changes intensities touches the inputs only. Each call draws from the generator it is given,
so that a sample depends on nothing but its number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inklings.data.crops import Sample
from inklings.errors import SpecError


class Augment(Protocol):
    """One random change of one sample."""

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The changed sample, of the same shape; the argument is left as it was."""


def _moved(sample: Sample, move: Any) -> Sample:
    return replace(
        sample,
        inputs=move(sample.inputs),
        value=move(sample.value),
        known=move(sample.known),
        valid=move(sample.valid),
    )


@dataclass(frozen=True)
class Flips:
    """Mirror along each axis, each with a probability.

    Attributes:
        probability: Of each axis, independently.
        axes: Which, such as ``zx``; all if None. Where front and back are different classes, they
            must not be exchanged.
    """

    probability: float = 0.5
    axes: str | None = None

    def __post_init__(self) -> None:
        if self.axes is not None and not set(self.axes) <= set("zyx"):
            raise SpecError(f"augmentation 'flips': expected axes among zyx, got {self.axes!r}")

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The same sample, perhaps mirrored."""
        names = "zyx"[3 - sample.known.ndim :]
        steps = tuple(
            slice(None, None, -1 if draw < self.probability and name in (self.axes or name) else 1)
            for draw, name in zip(rng.random(len(names)), names, strict=True)
        )
        return _moved(sample, lambda array: array[(..., *steps)])


@dataclass(frozen=True)
class QuarterTurns:
    """Turn by 0, 90, 180 or 270 degrees within the plane; crops are square there."""

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The same sample, perhaps turned."""
        turns = int(rng.integers(4))
        return _moved(sample, lambda array: np.rot90(array, turns, (-2, -1)))


@dataclass(frozen=True)
class Transpose:
    """Exchange rows and columns of the planes, which must be square.

    Attributes:
        probability: How often.
    """

    probability: float = 0.5

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The same sample, perhaps transposed."""
        if rng.random() >= self.probability:
            return sample
        return _moved(sample, lambda array: np.swapaxes(array, -1, -2))


@dataclass(frozen=True)
class BrightnessContrast:
    """``inputs * (1 + c) + b`` with normal ``c`` and ``b``, one pair a sample.

    Attributes:
        brightness: Standard deviation of ``b``, in units of the normalised inputs.
        contrast: Standard deviation of ``c``.
        per_channel: Whether each channel draws its own pair: another tint, of glass too, so that
            a slide cannot be known by its colours.
    """

    brightness: float = 0.2
    contrast: float = 0.2
    per_channel: bool = False

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The sample, brighter or darker, harder or softer."""
        shape = (len(sample.inputs) if self.per_channel else 1, *(1,) * sample.known.ndim)
        c, b = rng.standard_normal((2, *shape)).astype(np.float32)
        factor, shift = 1 + np.float32(self.contrast) * c, np.float32(self.brightness) * b
        return replace(sample, inputs=(sample.inputs * factor + shift) * _at(sample))


@dataclass(frozen=True)
class Noise:
    """Normal noise on every sample of every channel.

    Attributes:
        sd: Largest standard deviation, in units of the normalised inputs; each sample draws
            its own between 0 and this.
    """

    sd: float = 0.1

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The sample, noisier."""
        strength = np.float32(self.sd * rng.random())
        noise = rng.standard_normal(sample.inputs.shape, dtype=np.float32)
        return replace(sample, inputs=sample.inputs + noise * strength * _at(sample))


@dataclass(frozen=True)
class Gray:
    """Every channel becomes the mean of all: what stays is shape and brightness.

    Attributes:
        probability: How often.
    """

    probability: float = 0.2

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The sample, perhaps without its colours."""
        if rng.random() >= self.probability:
            return sample
        mean = sample.inputs.mean(0, keepdims=True)
        return replace(sample, inputs=np.repeat(mean, len(sample.inputs), axis=0))


@dataclass(frozen=True)
class Invert:
    """Bright becomes dark about the middle of the normalised inputs.

    For cohorts that hold objects darker and objects brighter than what is around them.

    Attributes:
        probability: How often.
    """

    probability: float = 0.2

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The sample, perhaps as its negative."""
        return replace(sample, inputs=-sample.inputs) if rng.random() < self.probability else sample


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
        """The sample, perhaps turned and scaled.

        Raises:
            SpecError: If it is a patch of a volume.
        """
        if sample.known.ndim != 2:
            raise SpecError("augmentation 'affine' turns pictures; for patches take 'affine3d'")
        chance, turn, size = rng.random(3)
        if chance >= self.probability:
            return sample
        angle = math.radians(self.rotate * (2 * turn - 1))
        return warp(sample, angle, (1 + self.scale) ** (2 * size - 1))


def warp(sample: Sample, angle: float, factor: float) -> Sample:
    """``sample`` turned by ``angle`` radians from y towards x and enlarged by ``factor``.

    A point at offset ``(dy, dx)`` from the middle goes to ``factor * R (dy, dx)`` with
    ``R = [[cos, -sin], [sin, cos]]``.
    """
    height, width = sample.known.shape
    y, x = np.meshgrid(
        np.arange(height, dtype=np.float32) - (height - 1) / 2,
        np.arange(width, dtype=np.float32) - (width - 1) / 2,
        indexing="ij",
    )
    cos, sin = np.float32(math.cos(angle) / factor), np.float32(math.sin(angle) / factor)
    rows = _mirrored(cos * y + sin * x + np.float32((height - 1) / 2), height)
    columns = _mirrored(cos * x - sin * y + np.float32((width - 1) / 2), width)
    nearest = np.rint(rows).astype(np.intp) * width + np.rint(columns).astype(np.intp)
    return Sample(
        _bilinear(sample.inputs, rows, columns),
        sample.value.reshape(len(sample.value), -1).take(nearest, axis=1),
        sample.known.ravel().take(nearest),
        sample.valid.ravel().take(nearest),
        sample.scale,
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


def _at(sample: Sample) -> NDArray[np.bool_] | np.float32:
    # Padding stays zero; skipping the product where nothing is padded saves a pass.
    return np.float32(1) if sample.valid.all() else sample.valid
