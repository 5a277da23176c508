"""Augmentation: what may change in a picture or a patch of a volume without changing what it shows.

Everything that moves samples moves inputs, targets, ``known``, ``valid`` and points together;
everything that changes intensities touches the inputs only. Each call draws from the generator it
is given, so that a sample depends on nothing but its number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from inklings.data.crops import Sample
from inklings.errors import SpecError


class Transform(Protocol):
    """One random change of one sample."""

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The changed sample, of the same shape; the argument is left as it was."""


Points = NDArray[np.float64]


def _moved(
    sample: Sample, move: Callable[[NDArray[Any]], NDArray[Any]], points: Callable[[Points], Points]
) -> Sample:
    return replace(
        sample,
        inputs=move(sample.inputs),
        value=move(sample.value),
        known=move(sample.known),
        valid=move(sample.valid),
        assumed=None if sample.assumed is None else move(sample.assumed),
        objects=None if sample.objects is None else move(sample.objects),
        points=None if sample.points is None else points(sample.points),
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
        names = "zyx"[3 - sample.valid.ndim :]
        mirrored = [
            draw < self.probability and name in (self.axes or name)
            for draw, name in zip(rng.random(len(names)), names, strict=True)
        ]
        steps: Any = (..., *(slice(None, None, -1 if yes else 1) for yes in mirrored))
        last = np.array(sample.valid.shape) - 1.0
        return _moved(
            sample,
            lambda array: array[steps],
            lambda points: np.where(mirrored, last - points, points),
        )


@dataclass(frozen=True)
class QuarterTurns:
    """Turn by 0, 90, 180 or 270 degrees within the plane; crops are square there.

    Attributes:
        probability: How often one of the four is drawn.
    """

    probability: float = 1.0

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The same sample, perhaps turned."""
        if _left_out(rng, self.probability):
            return sample
        turns = int(rng.integers(4))

        def points(points: Points) -> Points:
            sides = sample.valid.shape[-2:]
            for turn in range(turns):
                *first, y, x = points.T
                points = np.stack([*first, sides[(turn + 1) % 2] - 1 - x, y], 1)
            return points

        return _moved(sample, lambda array: np.rot90(array, turns, (-2, -1)), points)


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
        order = [*range(sample.valid.ndim - 2), -1, -2]
        return _moved(
            sample, lambda array: np.swapaxes(array, -1, -2), lambda points: points[:, order]
        )


@dataclass(frozen=True)
class BrightnessContrast:
    """``inputs * (1 + c) + b`` with normal ``c`` and ``b``, one pair a sample.

    Attributes:
        brightness: Standard deviation of ``b``, in units of the normalised inputs.
        contrast: Standard deviation of ``c``.
        per_channel: Whether each channel draws its own pair: another tint, of glass too, so that
            a slide cannot be known by its colours.
        probability: How often.
    """

    brightness: float = 0.2
    contrast: float = 0.2
    per_channel: bool = False
    probability: float = 1.0

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The sample, brighter or darker, harder or softer."""
        if _left_out(rng, self.probability):
            return sample
        shape = (len(sample.inputs) if self.per_channel else 1, *(1,) * sample.valid.ndim)
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
class GainShift:
    """``inputs * gain + shift``, as scanners differ: an even gain and a normal shift.

    Attributes:
        gain: Largest change of the gain, 0.08 draws factors of 0.92 to 1.08.
        shift: Standard deviation of what is added, in units of the normalised inputs.
    """

    gain: float = 0.08
    shift: float = 0.015

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The sample, with another contrast and another zero."""
        gain = np.float32(rng.uniform(1 - self.gain, 1 + self.gain))
        shift = np.float32(rng.normal(0, self.shift))
        return replace(sample, inputs=(sample.inputs * gain + shift) * _at(sample))


@dataclass(frozen=True)
class Blur:
    """A softer kernel: a Gaussian over every axis.

    Attributes:
        probability: How often.
        least: Smallest standard deviation, in samples.
        most: Largest standard deviation.
    """

    probability: float = 0.3
    least: float = 0.2
    most: float = 0.7

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most:
            raise SpecError(f"augmentation 'blur': expected 0 <= least <= most, got {self}")

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The sample, perhaps softer."""
        if rng.random() >= self.probability:
            return sample
        sigma = rng.uniform(self.least, self.most)
        soft: NDArray[np.float32] = np.stack(
            [ndimage.gaussian_filter(channel, sigma) for channel in sample.inputs]
        )
        return replace(sample, inputs=np.asarray(soft * _at(sample)))


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


def _left_out(rng: Generator, probability: float) -> bool:
    """Whether a change is left out this time; what is always made costs no draw."""
    return probability < 1 and rng.random() >= probability


def _at(sample: Sample) -> NDArray[np.bool_] | np.float32:
    # Padding stays zero; skipping the product where nothing is padded saves a pass.
    return np.float32(1) if sample.valid.all() else sample.valid
