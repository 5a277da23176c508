"""What lies around each sample, by a bank of filters: features that need no training.

Brightness, edges and the curvature of both at several widths are what pixel classifiers of
microscopy work on (ilastik: Berg et al., Nature Methods 2019). Here a case is first brought to its
own middle and spread, so that stains and exposures agree, and fine detail is pooled over a wide
window, for tissue is told by its grain. What is left of a slide's own look goes where `Ranks`
takes each feature among those of the same case: trees must not know a case by its levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import multiscale_basic_features

from inklings.data.stains import optical_density
from inklings.errors import DataError

_FAINT = 0.15
_HOLE = 6  # samples, half the width of the widest hole
_MOST = 6.0
_POOLED = 4.0
"""Samples over which grain is pooled."""

_TELLING = 256.0
"""Steps of a spread that tell: where there is no grain nearby, ranks must not see the far end of a
Gaussian, which ends in a square."""

_STEPS = 255
_LOOKED_AT = 200_000

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Middle:
    """Where the samples of a case lie: of pictures with three channels, their optical density.

    Attributes:
        centre: ``(C,)`` median of what is not glass.
        width: ``(C,)`` standard deviation of the same.
    """

    centre: NDArray[np.float32]
    width: NDArray[np.float32]

    @classmethod
    def of(cls, images: Sequence[NDArray[Any]]) -> Self:
        """Of all images ``(C, *S)`` of a case."""
        each = max(1, _LOOKED_AT // len(images))
        some = []
        for image in images:
            flat = image.reshape(len(image), -1)
            some.append(_density(flat[:, :: max(1, flat.shape[1] // each)]))
        samples = np.concatenate(some, axis=1)
        if _is_stained(images[0]):
            seen = samples[:, samples.mean(0) > _FAINT]
            samples = seen if seen.shape[1] else samples
        width = samples.std(1)
        return cls(np.median(samples, axis=1), np.where(width > 0, width, 1).astype(np.float32))


@dataclass(frozen=True)
class Ranks:
    """Where a feature lies among those of its own case, in 255 steps.

    Attributes:
        steps: ``(255, F)``, sorted, of each feature.
    """

    steps: Features

    @classmethod
    def of(cls, features: Features) -> Self:
        """Of some samples ``(n, F)`` of a case, one at least."""
        return cls(np.quantile(features, np.linspace(0, 1, _STEPS), axis=0).astype(np.float32))

    def __call__(self, features: Features) -> NDArray[np.uint8]:
        """Steps below each feature, 0 to 255; ``(..., F)`` as given."""
        ranks = np.empty(features.shape, np.uint8)
        for k, steps in enumerate(self.steps.T):
            ranks[..., k] = np.searchsorted(steps, features[..., k])
        return ranks


def is_seen(image: NDArray[Any]) -> NDArray[np.bool_]:
    """Where an image ``(C, *S)`` shows something, ``(*S)``: of stained pictures, not wide glass.

    Narrow holes, such as the lumen of a gland, belong to the tissue around them.
    """
    if not _is_stained(image):
        return np.ones(image.shape[1:], np.bool_)
    wide = ndimage.binary_dilation(_density(image).mean(0) > _FAINT, iterations=_HOLE)
    seen: NDArray[np.bool_] = ndimage.binary_erosion(wide, iterations=_HOLE, border_value=1)
    return seen


def filter_bank(
    image: NDArray[Any], middle: Middle, reach: float = 4.0, workers: int = 1
) -> Features:
    """Features ``(*S, F)`` of an image ``(C, *S)``.

    Args:
        image: uint8 pictures with three channels are taken as stained tissue on glass.
        middle: Of the case that the image belongs to.
        reach: Width of the widest filter in samples, a power of two.
        workers: Threads.

    Raises:
        DataError: If the image is too small to look at: less than 2 samples along a side.
    """
    if min(image.shape[1:]) < 2:
        raise DataError(f"expected at least 2 samples along each side, got {image.shape[1:]}")
    shape = (-1, *[1] * (image.ndim - 1))
    planes = (_density(image) - middle.centre.reshape(shape)) / middle.width.reshape(shape)
    planes = np.clip(planes, -_MOST, _MOST)
    if len(planes) > 1:  # what one dye takes away more than the other
        planes = np.concatenate([planes[:2], planes[:1] - planes[1:2]])
    seen = [planes[0], planes[-1]] if len(planes) > 1 else [planes[0]]
    grain = [np.abs(ndimage.gaussian_laplace(plane, 1.0)) for plane in seen]
    grain += [np.maximum(planes[0] - 1, 0), (planes[0] < -1.5).astype(np.float32)]
    near = multiscale_basic_features(  # type: ignore[no-untyped-call]
        np.moveaxis(planes, 0, -1), sigma_min=1, sigma_max=reach, channel_axis=-1, workers=workers
    )
    around = multiscale_basic_features(  # type: ignore[no-untyped-call]
        np.stack(grain, axis=-1),
        edges=False,
        texture=False,
        sigma_min=_POOLED,
        sigma_max=max(_POOLED, reach),
        channel_axis=-1,
        workers=workers,
    )
    around = np.rint(around * _TELLING) / _TELLING
    features: Features = np.concatenate([near, around], axis=-1).astype(np.float32, copy=False)
    return features


def _is_stained(image: NDArray[Any]) -> bool:
    return len(image) == 3 and image.dtype == np.uint8


def _density(image: NDArray[Any]) -> NDArray[np.float32]:
    if not _is_stained(image):
        return image.astype(np.float32)
    # Black is not infinitely dense, and the darkest steps of 8 bits are noise.
    return optical_density(np.maximum(image, 8)).astype(np.float32)
