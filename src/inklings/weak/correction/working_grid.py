"""The grid on which outlines are judged: objects are of one size on it, whatever the resolution.

Filters, strips and offsets of the evidence are numbers of pixels. The same section scanned twice as
finely has borders twice as wide, so what was measured on one resolution would not hold on another.
Images are therefore reduced until their objects are as large as those the rules were set on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.measure import label, regionprops

DIAMETER = 60
"""Median diameter of the annotated objects on the working grid, in pixels, at most."""

LEAST_SIDE = 384
"""Longer side of an image below which it is not reduced, in pixels."""

_SMALLEST = 30


def shape_of_outlines(masks: Sequence[NDArray[np.bool_]]) -> tuple[float, float, float]:
    """Medians over all components: diameter in pixels, share of the bounding box, of the hull."""
    found = [
        (part.equivalent_diameter_area, part.extent, part.solidity)
        for mask in masks
        for part in regionprops(label(mask))  # type: ignore[no-untyped-call]
        if part.area >= _SMALLEST
    ]
    if not found:
        return 0.0, 0.0, 0.0
    diameter, extent, solidity = np.median(np.array(found, float), axis=0).tolist()
    return diameter, extent, solidity


def factor_for(diameter: float, images: Sequence[NDArray[np.uint8]]) -> float:
    """By how much to reduce images whose objects have this diameter; 1 leaves them."""
    side = float(np.median([max(image.shape[:2]) for image in images])) if images else 0.0
    if diameter <= DIAMETER or side <= LEAST_SIDE:
        return 1.0
    return max(DIAMETER / diameter, LEAST_SIDE / side)


def reduced(image: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """The image at ``factor`` of its resolution, each pixel the mean of what it covers."""
    return image if factor == 1 else np.asarray(_resized(image, _size(image, factor)))


def reduced_mask(mask: NDArray[np.bool_], factor: float) -> NDArray[np.bool_]:
    """The mask at ``factor`` of its resolution: what is covered by half or more."""
    if factor == 1:
        return mask
    covered: NDArray[np.bool_] = _resized(mask.astype(np.uint8) * 255, _size(mask, factor)) > 127
    return covered


def enlarged_mask(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask on a finer grid of ``shape``, its outline interpolated."""
    if mask.shape == shape:
        return mask
    grey = Image.fromarray(mask.astype(np.uint8) * 255)
    finer = grey.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    inside: NDArray[np.bool_] = np.asarray(finer) > 127
    return inside


def _size(array: NDArray[np.generic], factor: float) -> tuple[int, int]:
    height, width = array.shape[:2]
    return max(1, round(width * factor)), max(1, round(height * factor))


def _resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    result: NDArray[np.uint8] = np.asarray(
        Image.fromarray(image).resize(size, Image.Resampling.BOX)
    )
    return result
