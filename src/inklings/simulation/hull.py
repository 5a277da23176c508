"""One coarse outline around each cluster of objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import convex_hull_image

from inklings.simulation.base import Form, Objects, nearest, require

_GAP_OF_SIZE = 2.0


@dataclass(frozen=True)
class Hull:
    """Fill the convex hull of every group of neighbouring objects, and take it for one object.

    Attributes:
        gap: Objects closer than so many samples belong together; None: twice the median
            diameter of the image's objects.
    """

    gap: float | None = None
    form: ClassVar[Form] = "mask"

    def __post_init__(self) -> None:
        require(self.gap is None or self.gap >= 0, "hull", "gap", "of 0 or more", self.gap)

    def __call__(self, objects: Objects, rng: Generator) -> Objects:  # noqa: ARG002
        """The filled hulls, each with the smallest number of its group; ``(H, W)`` only."""
        require(objects.ndim == 2, "hull", "images", "of two dimensions", objects.shape)
        filled = objects.astype(np.int32, copy=True)
        if not (objects > 0).any():
            return filled
        groups = self._groups(objects)
        for number, where in enumerate(ndimage.find_objects(groups), 1):
            mine = groups[where] == number
            filled[where][_hull(mine)] = objects[where][mine].min()
        return filled

    def _groups(self, objects: Objects) -> Objects:
        """``(H, W)`` number of the group of each sample of an object, 0 outside."""
        gap = _default_gap(objects) if self.gap is None else self.gap
        distance, _ = nearest(objects)
        joined, _ = ndimage.label(distance <= gap / 2, np.ones((3, 3)))
        return np.where(objects > 0, joined, 0).astype(np.int32)


def _default_gap(objects: Objects) -> float:
    areas = np.bincount(objects[objects > 0])
    return float(_GAP_OF_SIZE * np.median(np.sqrt(4 / np.pi * areas[areas > 0])))


def _hull(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Convex hull of the samples; a single line or sample is its own hull."""
    rows, columns = np.nonzero(mask)
    if np.ptp(rows) == 0 or np.ptp(columns) == 0:
        line: NDArray[np.bool_] = np.ones(mask.shape, np.bool_)
        return line
    hull: NDArray[np.bool_] = convex_hull_image(mask, offset_coordinates=False)  # type: ignore[no-untyped-call]
    return hull | mask
