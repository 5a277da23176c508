"""Borders moved to where the image changes: the local half-maximum.

Inside and outside of a bright or stained object the image holds two levels, and the point spread
of the microscope puts the true border where it crosses their middle. An annotated outline that is
too wide, too tight, a box or a hull around several objects says which levels these are; the image
says where the border runs. Needs contrast: whether there is any is judged in `evidence`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.measure import perimeter
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

GROWTH = 6
"""How far outside its outline an object may be followed, in samples."""

REACH = 8
"""How far around its outline an object's background is looked for, in samples."""

_SAMPLES = 1500
_PIECE = 20
_GREY = 2.0


@dataclass(frozen=True)
class Snapped:
    """One image's annotation, moved to the borders the image shows.

    Attributes:
        mask: ``(H, W)`` snapped foreground.
        areas: ``(N, 2)`` annotated and snapped area of each component that could be judged.
        contrast: ``(N,)`` share of the variance around each component that two levels explain
            (Otsu's criterion, 1 is two clean levels).
        smoothness: ``(M,)`` mean isoperimetric quotient of the pieces of each snapped component
            that has any of some size: high where an edge runs through the image, low where the
            level set follows a texture.
    """

    mask: NDArray[np.bool_]
    areas: NDArray[np.int64]
    contrast: NDArray[np.float64]
    smoothness: NDArray[np.float64]


def snap(image: NDArray[np.uint8], mask: NDArray[np.bool_], level: float = 0.5) -> Snapped:
    """Move the border of every component of ``mask`` to its local half-maximum.

    Args:
        image: ``(H, W, 3)`` or ``(H, W)``.
        mask: ``(H, W)`` annotated foreground.
        level: Where between background (0) and object (1) the border is put; other than the
            half only where exact outlines showed that the annotators draw tighter or wider.
    """
    empty = Snapped(mask.copy(), np.zeros((0, 2), np.int64), np.zeros(0), np.zeros(0))
    if mask.sum() < 30 or (~mask).sum() < 30:
        return empty
    distance, nearest = ndimage.distance_transform_edt(~mask, return_indices=True)
    signal = _signal(image, mask, distance)
    components, count = ndimage.label(mask)
    territory = components[nearest[0], nearest[1]]
    territory[distance > REACH] = 0
    out = np.zeros_like(mask)
    areas, contrast, smoothness = [], [], []
    for number, box in enumerate(ndimage.find_objects(territory, count), 1):
        if box is None:
            continue
        own = components[box] == number
        kept, separation = _half_maximum(
            signal[box], own, territory[box] == number, distance[box] <= GROWTH, level
        )
        out[box] |= kept
        if separation is not None:
            areas.append((int(own.sum()), int(kept.sum())))
            contrast.append(separation)
            if (roundness := _roundness(kept)) is not None:
                smoothness.append(roundness)
    smooth = ndimage.binary_fill_holes(ndimage.binary_opening(out))
    return Snapped(
        smooth,
        np.array(areas, np.int64).reshape(-1, 2),
        np.array(contrast),
        np.array(smoothness),
    )


def _half_maximum(
    signal: NDArray[np.float32],
    own: NDArray[np.bool_],
    territory: NDArray[np.bool_],
    near: NDArray[np.bool_],
    level: float,
) -> tuple[NDArray[np.bool_], float | None]:
    """The part of ``territory`` above ``level`` between its two levels that touches ``own``."""
    values = signal[territory]
    inside = signal[own]
    if values.size < 20 or inside.size < 3 or np.ptp(values) == 0:
        return own, None
    cut = float(threshold_otsu(values))  # type: ignore[no-untyped-call]
    upper, lower = inside[inside > cut], values[values <= cut]
    high = upper.mean() if upper.size else inside.max()
    low = np.median(lower) if lower.size else values.min()
    above = territory & near & (signal > low + level * (high - low))
    parts, _ = ndimage.label(above)
    touching = np.unique(parts[own & above])
    kept: NDArray[np.bool_] = np.isin(parts, touching[touching > 0])
    return kept, _two_level_share(values, cut)


def _two_level_share(values: NDArray[np.float32], cut: float) -> float:
    """Between-class variance over total variance (Otsu 1979, eq. 12)."""
    upper = values > cut
    share = upper.mean()
    if share in (0.0, 1.0):
        return 0.0
    between = share * (1 - share) * (values[upper].mean() - values[~upper].mean()) ** 2
    return float(between / values.var())


def _roundness(mask: NDArray[np.bool_]) -> float | None:
    """Mean isoperimetric quotient of the pieces: 1 for discs, towards 0 for what is ragged."""
    pieces, _ = ndimage.label(ndimage.binary_fill_holes(ndimage.binary_opening(mask)))
    quotients = []
    for number, box in enumerate(ndimage.find_objects(pieces), 1):
        piece = np.pad(pieces[box] == number, 2)
        area = int(piece.sum())
        if area >= _PIECE:
            quotients.append(min(1.0, 4 * np.pi * area / max(_perimeter(piece), 1.0) ** 2))
    return float(np.mean(quotients)) if quotients else None


def _perimeter(mask: NDArray[np.bool_]) -> float:
    return float(perimeter(mask))  # type: ignore[no-untyped-call]


def _signal(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], distance: NDArray[np.float64]
) -> NDArray[np.float32]:
    """One channel in which the annotated objects are bright.

    Grey images: the square root (which evens out photon noise). Colour: the direction that
    separates annotated from far samples best (Fisher's discriminant).
    """
    colour = is_colour(image)
    if not colour:
        grey = image.mean(-1) if image.ndim == 3 else image.astype(np.float64)
        signal = ndimage.gaussian_filter(np.sqrt(grey), 1.0)
    else:
        smooth = ndimage.gaussian_filter(image.astype(np.float32), (0.7, 0.7, 0))
        far = distance > 2
        outside = far if far.sum() > 100 else ~mask
        rng = np.random.default_rng(0)
        chosen = np.concatenate([_some(mask, rng), _some(outside, rng)])
        flat = smooth.reshape(-1, 3)
        fisher = LinearDiscriminantAnalysis().fit(flat[chosen], mask.ravel()[chosen])
        signal = fisher.decision_function(flat).reshape(mask.shape)
    if signal[mask].mean() < signal[~mask].mean():
        signal = -signal
    result: NDArray[np.float32] = signal.astype(np.float32)
    return result


def is_colour(image: NDArray[np.uint8]) -> bool:
    """Whether the channels of ``(H, W[, 3])`` differ by more than noise."""
    if image.ndim == 2:
        return False
    return float(np.abs(image[..., 0].astype(np.int16) - image[..., 1]).mean()) >= _GREY


def _some(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    places = np.flatnonzero(mask)
    return rng.choice(places, min(_SAMPLES, places.size), replace=False)
