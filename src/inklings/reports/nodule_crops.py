"""Pictures of findings in a CT: three planes through each, with its outline."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.geometry import Geometry, Region

SIDE_MM = 60.0
PIXELS = 180
_LOW_HU, _HIGH_HU = -1000.0, 400.0
_GAP = 4
_COLOUR = (255, 90, 60)


def crop_picture(
    values: NDArray[Any],
    geometry: Geometry,
    point_mm: tuple[float, float, float],
    mask: NDArray[np.bool_] | None = None,
    region: Region | None = None,
) -> NDArray[np.uint8]:
    """Axial, coronal and sagittal planes of 60 mm through a point, side by side, RGB.

    Head up, patient's right on the left, as radiologists look; the lung window.

    Args:
        values: The whole CT, ``(z, y, x)`` in HU.
        geometry: Its grid.
        point_mm: Where the planes cross, ``(x, y, z)``.
        mask: Outline to draw, ``(*region.size)``.
        region: Where the mask lies.
    """
    steps = (np.arange(PIXELS) + 0.5) / PIXELS * SIDE_MM - SIDE_MM / 2
    parts: list[NDArray[np.uint8]] = []
    for down, across in ((1, 0), (2, 0), (2, 1)):  # axes of the patient: x, y, z
        points = np.tile(np.asarray(point_mm, float), (PIXELS, PIXELS, 1))
        points[..., down] += (steps if down == 1 else -steps)[:, None]
        points[..., across] += steps[None]
        index = np.moveaxis(geometry.to_indices(points), -1, 0)
        parts.append(_plane(values, index, mask, region))
    gap = np.full((PIXELS, _GAP, 3), 255, np.uint8)
    return np.concatenate([parts[0], gap, parts[1], gap, parts[2]], 1)


def _plane(
    values: NDArray[Any],
    index: NDArray[np.float64],
    mask: NDArray[np.bool_] | None,
    region: Region | None,
) -> NDArray[np.uint8]:
    low = np.maximum(np.floor(index.min((1, 2))).astype(int) - 1, 0)
    high = np.minimum(np.ceil(index.max((1, 2))).astype(int) + 2, values.shape)
    low = np.minimum(low, high - 1)
    part = values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].astype(np.float32)
    grey = ndimage.map_coordinates(
        part, index - low[:, None, None], order=1, mode="constant", cval=_LOW_HU
    )
    grey = np.clip((grey - _LOW_HU) / (_HIGH_HU - _LOW_HU) * 255, 0, 255)
    shown = np.repeat(grey[..., None], 3, 2).astype(np.uint8)
    if mask is not None and region is not None:
        local = index - np.asarray(region.start, float)[:, None, None]
        inside = ndimage.map_coordinates(mask.astype(np.float32), local, order=1) > 0.5
        shown[inside & ~ndimage.binary_erosion(inside)] = _COLOUR
    return shown
