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

OFFSETS = np.arange(-12, 42)
"""Candidate offsets in pixels, positive is inside the outline."""

NEAR = 2
"""Offsets up to here are those of outlines that were drawn on the border."""

_STRIP = 3
_ENOUGH, _ENOUGH_ALONE = 2000, 150


@dataclass(frozen=True)
class BorderProfile:
    """What the outlines of a cohort have in common.

    Attributes:
        strength: Squared Mahalanobis distance between the strips on both sides of each offset
            of `OFFSETS`; 0 where there were too few pixels.
        each: ``(N, offsets)`` the same of every image alone, by what varies in all of them.
    """

    strength: NDArray[np.float64]
    each: NDArray[np.float64]

    @property
    def offset(self) -> int:
        """Where the image changes most, in pixels, positive is inside the outline."""
        return int(OFFSETS[int(np.argmax(self.strength))])

    @property
    def height(self) -> float:
        """How much it changes there."""
        return float(self.strength.max())

    @property
    def at_outline(self) -> float:
        """How much it changes within two pixels of the outline as it was drawn."""
        return float(self.strength[np.abs(OFFSETS) <= NEAR].max())

    @property
    def elsewhere(self) -> float:
        """How much it usually changes: the median over the offsets that could be judged."""
        judged = self.strength[self.strength > 0]
        return float(np.median(judged)) if len(judged) else 0.0

    def offsets(self, spread: float = 0.5) -> NDArray[np.int64]:
        """``(N,)`` offset of each image: the best of its own that is credible beside the others'.

        Args:
            spread: How much annotators differ: standard deviation of the logarithm of the
                distance at which they draw.
        """
        if self.offset == 0:
            return np.zeros(len(self.each), np.int64)
        ratio = OFFSETS / self.offset
        credible = np.full(len(OFFSETS), -np.inf)
        credible[ratio > 0] = -0.5 * (np.log(ratio[ratio > 0]) / spread) ** 2
        own = 2 * self.each / max(self.height, 1e-9)
        chosen: NDArray[np.int64] = OFFSETS[np.argmax(own + credible, axis=1)].astype(np.int64)
        return chosen


def border_profile(
    images: Sequence[NDArray[np.uint8]], masks: Sequence[NDArray[np.bool_]]
) -> BorderProfile:
    """Profile of the outlines of ``masks``, pooled over all images, and of each.

    Args:
        images: ``(H, W, 3)`` or ``(H, W)`` each.
        masks: ``(H, W)`` each.
    """
    bins, images = len(OFFSETS), list(images)
    total, count = np.zeros((len(images), bins, 6)), np.zeros((len(images), bins))
    scatter, pixels = np.zeros((6, 6)), 0
    for i, (image, mask) in enumerate(zip(images, masks, strict=True)):
        if mask.all() or not mask.any():
            continue
        features = appearance(image)
        place = np.floor(signed_distance(mask)).astype(np.int64) - int(OFFSETS[0])
        inside = (place >= 0) & (place < bins)
        near = features[inside]
        for channel in range(6):
            total[i, :, channel] = np.bincount(place[inside], near[:, channel], minlength=bins)
        count[i] = np.bincount(place[inside], minlength=bins)
        thin = near[::7].astype(np.float64)
        scatter += thin.T @ thin
        pixels += len(thin)
    if pixels == 0:
        return BorderProfile(np.zeros(bins), np.zeros((len(images), bins)))
    precision = np.linalg.inv(scatter / pixels + 0.05 * np.eye(6))

    def steps(total: NDArray[np.float64], count: NDArray[np.float64], least: int) -> list[float]:
        return [_step(total, count, precision, at, least) for at in range(bins)]

    each = [steps(t, c, _ENOUGH_ALONE) for t, c in zip(total, count, strict=True)]
    return BorderProfile(
        np.array(steps(total.sum(0), count.sum(0), _ENOUGH)), np.array(each).reshape(-1, bins)
    )


def _step(
    total: NDArray[np.float64],
    count: NDArray[np.float64],
    precision: NDArray[np.floating],
    at: int,
    least: int,
) -> float:
    low, high = slice(max(0, at - _STRIP), at), slice(at, at + _STRIP)
    if at < _STRIP or at + _STRIP > len(count) or min(count[low].sum(), count[high].sum()) < least:
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


def moved(mask: NDArray[np.bool_], offset: float) -> NDArray[np.bool_]:
    """The outline moved inwards (positive) or outwards by ``offset`` pixels.

    No part vanishes: what is too thin for it keeps the inner half of its depth.
    """
    if not mask.any():
        return mask
    depth = signed_distance(mask)
    if offset <= 0:
        wider: NDArray[np.bool_] = depth > offset
        return wider
    parts, count = ndimage.label(mask)
    deepest = np.zeros(count + 1)
    deepest[1:] = ndimage.maximum(depth, parts, np.arange(1, count + 1))
    tighter: NDArray[np.bool_] = mask & (depth > np.minimum(offset, deepest / 2)[parts])
    return tighter
