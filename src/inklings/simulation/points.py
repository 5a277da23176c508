"""A click in the middle of each object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from inklings.labels.depth import relative_depth
from inklings.simulation.base import Form, Objects


@dataclass(frozen=True)
class Points:
    """Of every object one sample: the deepest one that is nearest to its centre of mass."""

    form: ClassVar[Form] = "points"

    def __call__(self, objects: Objects, rng: Generator) -> Objects:  # noqa: ARG002
        """The objects, a single sample each."""
        points = np.zeros(objects.shape, np.int32)
        depth = relative_depth(objects)
        for number, where in enumerate(ndimage.find_objects(np.maximum(objects, 0)), 1):
            if where is not None:
                mine = objects[where] == number
                centre = np.argwhere(mine).mean(0)
                deepest = np.argwhere(mine & (depth[where] > 0.99))
                best = deepest[((deepest - centre) ** 2).sum(1).argmin()]
                points[where][tuple(best)] = number
        return points
