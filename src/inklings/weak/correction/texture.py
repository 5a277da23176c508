"""Outlines that hold more than the object, where the object differs by texture.

A hull around three glands holds stroma, and no edge of the image says so. But everything outside
all outlines is surely not gland, so a classifier of local appearance that learns inside against
outside, on other images than the one it judges, finds the samples inside that look like outside.
One round of relabelling removes most of what the first round learnt wrongly. This is
negative-unlabelled learning: the outside is the reliable set. Only the outside close to the
outlines is asked, since it is what outlines are drawn too wide into: far away lie glass and
tissues of other kinds, which would hide that the inside holds some of the near one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.color import rgb2hed, rgb2lab
from sklearn.ensemble import HistGradientBoostingClassifier

from inklings.supervision.prior import mixture_share

_FOLDS = 3
_PER_IMAGE = 1000
_STRIDE = 2
_SPECK = 40
_NEAR = 24
_NEXT = 12


def keep_what_looks_inside(
    images: Sequence[NDArray[np.uint8]], masks: Sequence[NDArray[np.bool_]], seed: int
) -> tuple[list[NDArray[np.bool_]], float]:
    """Remove from each mask what looks like the outside of all masks.

    Args:
        images: ``(H, W, 3)`` each.
        masks: ``(H, W)`` each.
        seed: Of the folds and the drawn samples.

    Returns:
        The masks, never larger than before, and the estimated share of true positives inside.
    """
    thin = [mask[::_STRIDE, ::_STRIDE] for mask in masks]
    features = [texture_features(image) for image in images]
    soft = [mask.astype(np.float32) for mask in thin]
    near = [_within(mask, _NEAR // _STRIDE) for mask in thin]
    odds = out_of_fold_odds(features, soft, seed, near)
    share = _share_inside(odds, thin, seed)
    inside = np.concatenate([z[m] for z, m in zip(odds, thin, strict=True)])
    middle = np.quantile(inside, 1 - share)
    width = 0.5 * max(0.3, float(inside.std()))
    soft = [m / (1 + np.exp(-(z - middle) / width)) for z, m in zip(odds, thin, strict=True)]
    odds = out_of_fold_odds(features, soft, seed + 1, near)
    smooth = [ndimage.gaussian_filter(z, 1.0) for z in odds]
    everything = np.concatenate([z[m] for z, m in zip(smooth, thin, strict=True)])
    cut = min(0.0, float(np.quantile(everything, 1 - share)))  # no more than its share
    kept = [_regions(z - cut, mask) for z, mask in zip(smooth, masks, strict=True)]
    return kept, share


def texture_features(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colour, stain, gradient and curvature at several scales, ``(H/2, W/2, F)``.

    Lab and the two stains smoothed at sigma 1 to 8, gradient magnitude at 2 to 8, local
    standard deviation at 3 and 6, and the eigenvalues of the Hessian at 1.5 and 3 samples.
    """
    rgb = np.repeat(image[..., None], 3, -1) if image.ndim == 2 else image
    unit = rgb.astype(np.float32) / 255
    colour = np.concatenate([rgb2lab(unit), rgb2hed(unit)[..., :2]], -1).astype(np.float32)
    colour = (colour - colour.mean((0, 1))) / (colour.std((0, 1)) + 1e-3)
    maps: list[NDArray[np.float32]] = []
    for channel in np.moveaxis(colour, -1, 0):
        maps += [ndimage.gaussian_filter(channel, sigma) for sigma in (1, 2, 4, 8)]
    for channel in np.moveaxis(colour[..., :3], -1, 0):
        maps += [ndimage.gaussian_gradient_magnitude(channel, sigma) for sigma in (2, 4, 8)]
        maps += [_deviation(channel, sigma) for sigma in (3, 6)]
    for channel in (colour[..., 0], colour[..., 2]):
        maps += [m for sigma in (1.5, 3) for m in _hessian_eigenvalues(channel, sigma)]
    stack = np.stack([m[::_STRIDE, ::_STRIDE] for m in maps], -1)
    return stack.astype(np.float32)


def _deviation(channel: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    mean = ndimage.gaussian_filter(channel, sigma)
    square = ndimage.gaussian_filter(channel * channel, sigma)
    deviation: NDArray[np.float32] = np.sqrt(np.maximum(square - mean * mean, 0))
    return deviation


def _hessian_eigenvalues(
    channel: NDArray[np.float32], sigma: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    yy, xx, xy = (
        ndimage.gaussian_filter(channel, sigma, order=order) for order in ((2, 0), (0, 2), (1, 1))
    )
    middle, half = (yy + xx) / 2, np.sqrt(((yy - xx) / 2) ** 2 + xy**2)
    return middle + half, middle - half


def out_of_fold_odds(
    features: Sequence[NDArray[np.float32]],
    soft: Sequence[NDArray[np.float32]],
    seed: int,
    where: Sequence[NDArray[np.bool_]] | None = None,
) -> list[NDArray[np.float32]]:
    """Log-odds of each image by a classifier that has not seen it, both sides weighing alike.

    Args:
        features: ``(H, W, F)`` each.
        soft: ``(H, W)`` each, how far each sample is inside.
        seed: Of the folds and the drawn samples.
        where: ``(H, W)`` each, what may be learnt from; None for everything.
    """
    rng = np.random.default_rng(seed)
    allowed = [np.flatnonzero(w) for w in where or [np.ones(s.shape, np.bool_) for s in soft]]
    fold = rng.permutation(len(features)) % min(_FOLDS, len(features))
    odds: list[NDArray[np.float32]] = [np.zeros(s.shape, np.float32) for s in soft]
    for number in np.unique(fold):
        learn = [i for i in range(len(features)) if fold[i] != number] or [0]
        x, y, weight = _draw(features, soft, allowed, learn, rng)
        classifier = HistGradientBoostingClassifier(
            max_iter=50, learning_rate=0.15, max_leaf_nodes=15, max_bins=64, random_state=seed
        ).fit(x, y, weight)
        for i in np.flatnonzero(fold == number).tolist():
            flat = features[i].reshape(-1, features[i].shape[-1])
            odds[i] = classifier.decision_function(flat).reshape(soft[i].shape).astype(np.float32)
    return odds


def _draw(
    features: Sequence[NDArray[np.float32]],
    soft: Sequence[NDArray[np.float32]],
    allowed: Sequence[NDArray[np.int64]],
    images: Sequence[int],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """Samples, each twice: once as inside and once as outside, weighted by its soft label."""
    xs, ps = [], []
    for i in images:
        if not allowed[i].size:
            continue
        chosen = allowed[i][rng.integers(allowed[i].size, size=_PER_IMAGE)]
        xs.append(features[i].reshape(-1, features[i].shape[-1])[chosen])
        ps.append(soft[i].ravel()[chosen])
    x, p = np.concatenate(xs), np.concatenate(ps).astype(np.float64)
    weight = np.concatenate([p / max(p.mean(), 1e-6), (1 - p) / max((1 - p).mean(), 1e-6)])
    used = weight > 1e-4
    both = np.concatenate([x, x])
    label = np.repeat([1, 0], len(p))
    return both[used], label[used], weight[used]


def _share_inside(
    odds: Sequence[NDArray[np.float32]], masks: Sequence[NDArray[np.bool_]], seed: int
) -> float:
    """Share of true positives inside the outlines: one minus the share of outside-like."""
    ring = [_within(mask, _NEXT // _STRIDE) & ~mask for mask in masks]
    outside = np.concatenate([z[r] for z, r in zip(odds, ring, strict=True)])
    inside = np.concatenate([z[m] for z, m in zip(odds, masks, strict=True)])
    return float(np.clip(1 - mixture_share(-outside, -inside, seed=seed), 0.05, 1.0))


def _within(mask: NDArray[np.bool_], distance: int) -> NDArray[np.bool_]:
    """The mask and what lies within ``distance`` samples of it; nothing where it is empty."""
    if not mask.any():
        return np.zeros_like(mask)
    near: NDArray[np.bool_] = ndimage.distance_transform_edt(~mask) <= distance
    return near


def _regions(odds: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where the odds favour inside, at full resolution, without specks and without holes.

    Lumens look like the outside and lie within an object: what is enclosed belongs to it.
    """
    full = np.repeat(np.repeat(odds, _STRIDE, 0), _STRIDE, 1)[: mask.shape[0], : mask.shape[1]]
    kept = ndimage.binary_fill_holes(ndimage.binary_opening((full > 0) & mask, iterations=2))
    parts, _ = ndimage.label(kept)
    large: NDArray[np.bool_] = (parts > 0) & (np.bincount(parts.ravel()) >= 4 * _SPECK)[parts]
    return large & mask
