"""How samples become network inputs: always a shift and a scale, known once per image.

A crop is therefore normalised by the numbers of its whole image, in training as in prediction,
without the whole image ever being held as floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from inklings.errors import SpecError

_AT_ONCE = 2_000_000
"""Samples that are held as floats together."""

Scale = tuple[NDArray[np.float32], NDArray[np.float32]]


class Intensity(Protocol):
    """``(C, *S)`` of any number type to float32 of order one.

    Attributes:
        fixed: Whether the scale is the same for every image.
    """

    fixed: ClassVar[bool]

    def scale(self, image: NDArray[Any]) -> Scale:
        """Centre and width of ``image`` ``(C, *S)``, each ``(C or 1, 1, ...)`` float32."""

    def __call__(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """``(image - centre) / width``."""


def apply(image: NDArray[Any], scale: Scale) -> NDArray[np.float32]:
    """``(image - centre) / width`` as float32, for the whole image or a part of it."""
    centre, width = scale
    result = image.astype(np.float32)
    result -= centre
    result /= width
    return result


def _constants(image: NDArray[Any], centre: float, width: float) -> Scale:
    shape = (1,) * image.ndim
    return np.full(shape, centre, np.float32), np.full(shape, width, np.float32)


@dataclass(frozen=True)
class ZScore:
    """Mean 0 and standard deviation about 1 per image.

    One is added to the deviation, so that an empty image becomes zeros and not noise.

    Attributes:
        per_channel: Whether each channel has its own mean and deviation; colour pictures lose
            their tint then.
        invert_bright: Whether images that are brighter than half of their range become negatives:
            stained nuclei on glass then look like fluorescent ones on black, and what is learnt
            from the one serves the other.
        fractions: Whether images of small fractions (0 to 1) are known by their type, and get a
            hundredth of their largest sample instead of one; runs before version 0.2 did not.
    """

    fixed: ClassVar[bool] = False

    per_channel: bool = False
    invert_bright: bool = False
    fractions: bool = False

    def scale(self, image: NDArray[Any]) -> Scale:
        """Mean and deviation plus one; a negative deviation turns an image into its negative."""
        axes = tuple(range(1 if self.per_channel else 0, image.ndim))
        mean = image.mean(axes, dtype=np.float64, keepdims=True)
        deviation = _deviation(image, mean, axes) + _grain(image, self.fractions)
        if self.invert_bright and image.mean() > _half_range(image):
            deviation = -deviation
        return mean.astype(np.float32), deviation.astype(np.float32)

    def __call__(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """``(C, *S)`` to float32."""
        return apply(image, self.scale(image))


def _deviation(
    image: NDArray[Any], mean: NDArray[np.float64], axes: tuple[int, ...]
) -> NDArray[np.float64]:
    """``image.std(axes)``, a part of the image after the other: NumPy holds all of it as floats."""
    lines = max(1, _AT_ONCE * image.shape[1] // max(1, image.size))
    squares = np.zeros_like(mean)
    for start in range(0, image.shape[1], lines):
        part = image[:, start : start + lines] - mean
        squares += np.square(part, out=part).sum(axes, keepdims=True)
    return np.sqrt(squares / (image.size // mean.size))


def _grain(image: NDArray[Any], fractions: bool) -> float:
    """The smallest difference that counts: 1, or less in images of small fractions."""
    if not fractions or image.dtype.kind != "f" or not image.size:
        return 1.0
    return float(np.clip(0.01 * np.abs(image).max(), 1e-6, 1.0))


def _half_range(image: NDArray[Any]) -> float:
    """Half of what 8-bit samples can reach; of what is reached where the type does not say it."""
    return 127.5 if image.dtype == np.uint8 else float(image.max()) / 2


@dataclass(frozen=True)
class Half:
    """``(x / 255 - 0.5) / 0.5``: 8-bit pictures to [-1, 1], as the reference recipe does."""

    fixed: ClassVar[bool] = True

    def scale(self, image: NDArray[Any]) -> Scale:
        """The same for every image.

        Raises:
            SpecError: If the image is not 8-bit.
        """
        if image.dtype != np.uint8:
            raise SpecError(
                f"intensity 'half': expected 8-bit images, got {image.dtype}; use 'zscore'"
            )
        return _constants(image, 127.5, 127.5)

    def __call__(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """``(C, *S)`` to float32."""
        return apply(image, self.scale(image))


@dataclass(frozen=True)
class Window:
    """A fixed range to [-1, 1], for modalities whose numbers mean something (Hounsfield units).

    Attributes:
        low: Value that becomes -1.
        high: Value that becomes 1; what lies outside the range is not cut.
    """

    fixed: ClassVar[bool] = True

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise SpecError(
                f"intensity 'window': expected low < high, got {self.low} and {self.high}"
            )

    def scale(self, image: NDArray[Any]) -> Scale:
        """The same for every image."""
        return _constants(image, (self.low + self.high) / 2, (self.high - self.low) / 2)

    def __call__(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """``(C, *S)`` to float32."""
        return apply(image, self.scale(image))


@dataclass(frozen=True)
class Percentiles:
    """Two percentiles of the image to -1 and 1: robust where a few samples are extreme.

    Attributes:
        low: Lower percentile, in percent.
        high: Upper percentile, in percent.
        per_channel: Whether each channel has percentiles of its own.
        fractions: As of `ZScore`.
    """

    fixed: ClassVar[bool] = False

    low: float = 1.0
    high: float = 99.0
    per_channel: bool = False
    fractions: bool = False

    def scale(self, image: NDArray[Any]) -> Scale:
        """Middle and half the distance of the percentiles, at least half of what counts."""
        least = _grain(image, self.fractions) / 2
        if not self.per_channel:
            low, high = np.percentile(image, (self.low, self.high))
            return _constants(image, (low + high) / 2, max((high - low) / 2, least))
        axes = tuple(range(1, image.ndim))
        low, high = np.percentile(image, (self.low, self.high), axis=axes, keepdims=True)
        width = np.maximum((high - low) / 2, least)
        return ((low + high) / 2).astype(np.float32), width.astype(np.float32)

    def __call__(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """``(C, *S)`` to float32."""
        return apply(image, self.scale(image))
