"""Objects as connected components: for objects that do not touch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from inklings.refinement.base import Map, Objects
from inklings.refinement.masks import at_least, drop_small, fill_holes


@dataclass(frozen=True)
class Components:
    """Samples above the threshold that touch (by edges or faces) are one object.

    Attributes:
        min_size: Smaller objects are dropped, in samples.
        max_hole: Holes up to this size are filled, in samples.
    """

    min_size: int = 12
    max_hole: int = 64

    def __call__(self, probability: Map, threshold: float, core: Map | None = None) -> Objects:  # noqa: ARG002
        """Number the components of ``probability`` at ``threshold``; see `Refinement`."""
        mask = fill_holes(at_least(probability, threshold), self.max_hole)
        objects = np.zeros(mask.shape, np.int32)
        ndimage.label(mask, output=objects)
        return drop_small(objects, self.min_size)
