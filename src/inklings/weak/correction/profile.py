"""The border profile: how different the image is on both sides of an outline, at every offset.

All annotated outlines of a cohort are laid over one another by their signed distance. Where the
strips on the two sides of an offset differ most, there the objects really end: a high peak at
0 px says that the outlines are right, a high peak at 8 px inside says that they were all drawn
8 px too wide, and no peak says that they follow no border at all (hulls, boxes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.color import rgb2hed, rgb2lab

OFFSETS = np.arange(-12, 22)
"""Candidate offsets in samples, positive is inside the outline."""

_STRIP = 3
_ENOUGH = 2000


@dataclass(frozen=True)
class BorderProfile:
    """What the outlines of a cohort have in common.

    Attributes:
        strength: Squared Mahalanobis distance between the strips on both sides of each offset
            of `OFFSETS`; 0 where there were too few samples.
    """

    strength: NDArray[np.float64]

    @property
    def offset(self) -> int:
        """Where the image changes most, in samples, positive is inside the outline."""
        return int(OFFSETS[int(np.argmax(self.strength))])

    @property
    def height(self) -> float:
        """How much it changes there."""
        return float(self.strength.max())


def border_profile(
    images: Sequence[NDArray[np.uint8]], masks: Sequence[NDArray[np.bool_]]
) -> BorderProfile:
    """Profile of the outlines of ``masks``, pooled over all images.

    Args:
        images: ``(H, W, 3)`` or ``(H, W)`` each.
        masks: ``(H, W)`` each.
    """
    bins = len(OFFSETS)
    total, count = np.zeros((bins, 6)), np.zeros(bins)
    scatter, samples = np.zeros((6, 6)), 0
    for image, mask in zip(images, masks, strict=True):
        if mask.all() or not mask.any():
            continue
        features = appearance(image)
        place = np.floor(signed_distance(mask)).astype(np.int64) - int(OFFSETS[0])
        inside = (place >= 0) & (place < bins)
        near = features[inside]
        for channel in range(6):
            total[:, channel] += np.bincount(place[inside], near[:, channel], minlength=bins)
        count += np.bincount(place[inside], minlength=bins)
        thin = near[::7].astype(np.float64)
        scatter += thin.T @ thin
        samples += len(thin)
    if samples == 0:
        return BorderProfile(np.zeros(bins))
    precision = np.linalg.inv(scatter / samples + 0.05 * np.eye(6))
    return BorderProfile(np.array([_step(total, count, precision, at) for at in range(bins)]))


def _step(
    total: NDArray[np.float64],
    count: NDArray[np.float64],
    precision: NDArray[np.floating],
    at: int,
) -> float:
    low, high = slice(max(0, at - _STRIP), at), slice(at, at + _STRIP)
    if (
        at < _STRIP
        or at + _STRIP > len(count)
        or min(count[low].sum(), count[high].sum()) < _ENOUGH
    ):
        return 0.0
    step = total[high].sum(0) / count[high].sum() - total[low].sum(0) / count[low].sum()
    return float(step @ precision @ step)


def signed_distance(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distance to the outline in samples, positive inside; the outline runs between samples."""
    inside = ndimage.distance_transform_edt(mask) - 0.5
    outside = ndimage.distance_transform_edt(~mask) - 0.5
    distance: NDArray[np.float64] = np.where(mask, inside, -outside)
    return distance


def appearance(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Lab, haematoxylin, eosin and gradient, each standardised over the image: ``(H, W, 6)``."""
    rgb = np.repeat(image[..., None], 3, -1) if image.ndim == 2 else image
    unit = rgb.astype(np.float32) / 255
    colour = np.concatenate([rgb2lab(unit), rgb2hed(unit)[..., :2]], -1)
    colour = np.stack([ndimage.gaussian_filter(colour[..., k], 1.0) for k in range(5)], -1)
    edge = ndimage.gaussian_filter(ndimage.gaussian_gradient_magnitude(colour[..., 0], 1.0), 1.5)
    stack = np.concatenate([colour, edge[..., None]], -1)
    standard: NDArray[np.float32] = (
        (stack - stack.mean((0, 1))) / (stack.std((0, 1)) + 1e-6)
    ).astype(np.float32)
    return standard


def moved(mask: NDArray[np.bool_], offset: int) -> NDArray[np.bool_]:
    """The outline moved inwards (positive) or outwards by ``offset`` samples."""
    result: NDArray[np.bool_] = signed_distance(mask) > offset if mask.any() else mask
    return result
