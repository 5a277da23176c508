"""Cleaning of masks and of numbered objects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def at_least(probability: NDArray[np.uint8], threshold: float) -> NDArray[np.bool_]:
    """Where a quantised probability reaches ``threshold``, ``(*S)``."""
    mask: NDArray[np.bool_] = probability >= np.float32(threshold * 255)
    return mask


def fill_holes(mask: NDArray[np.bool_], largest: int) -> NDArray[np.bool_]:
    """Fill holes of at most ``largest`` samples.

    A hole is background that touches no edge of the image: what cells around a gap enclose is
    filled only if it is small, unlike by `scipy.ndimage.binary_fill_holes`.
    """
    holes, count = ndimage.label(~mask)
    if largest < 1 or count < 2:
        return mask
    sizes = np.bincount(holes.ravel(), minlength=count + 1)
    small = sizes <= largest
    small[0] = False
    for axis in range(mask.ndim):
        for end in (0, -1):
            small[np.unique(holes.take(end, axis=axis))] = False
    filled: NDArray[np.bool_] = mask | small[holes]
    return filled


def drop_small(objects: NDArray[np.int32], min_size: int) -> NDArray[np.int32]:
    """Remove objects of fewer than ``min_size`` samples and number the rest without gaps."""
    sizes = np.bincount(objects.ravel())
    keep = sizes >= max(1, min_size)
    keep[0] = False
    numbers = (np.cumsum(keep) * keep).astype(np.int32)
    kept: NDArray[np.int32] = numbers[objects]
    return kept
