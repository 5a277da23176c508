"""Bounding boxes instead of outlines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from inklings.simulation.base import Form, Objects


@dataclass(frozen=True)
class Box:
    """Fill the bounding box of every object; where boxes overlap, the smaller one shows."""

    form: ClassVar[Form] = "mask"

    def __call__(self, objects: Objects, rng: Generator) -> Objects:  # noqa: ARG002
        """The filled boxes."""
        found = enumerate(ndimage.find_objects(np.maximum(objects, 0)), 1)
        boxes = [(number, where) for number, where in found if where is not None]
        boxes.sort(key=lambda box: -np.prod([s.stop - s.start for s in box[1]]))
        filled = objects.astype(np.int32, copy=True)
        for number, where in boxes:
            filled[where] = number
        return filled


@dataclass(frozen=True)
class SliceBox(Box):
    """A box in every slice of a volume that shows an object, instead of one around all of it."""

    def __call__(self, objects: Objects, rng: Generator) -> Objects:
        """The filled boxes of each slice along the first axis; of a picture those of it."""
        if objects.ndim == 2:
            return super().__call__(objects, rng)
        return np.stack([Box.__call__(self, plane, rng) for plane in objects])
