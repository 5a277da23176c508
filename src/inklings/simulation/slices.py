"""A few annotated slices of many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from inklings.simulation.base import UNLABELLED, Form, Objects, require


@dataclass(frozen=True)
class Slices:
    """Label some slices of a volume completely and the others not at all.

    The annotated slices are evenly spread over the volume from a start that chance decides, at
    least one, as people do who outline every tenth slice.

    Attributes:
        keep: Share of the slices, along the first axis.
    """

    keep: float
    form: ClassVar[Form] = "partial"

    def __post_init__(self) -> None:
        require(0 < self.keep <= 1, "slices", "keep", "above 0 and at most 1", self.keep)

    def __call__(self, objects: Objects, rng: Generator) -> Objects:
        """The objects of the annotated slices, `UNLABELLED` on the others."""
        require(objects.ndim == 3, "slices", "volumes", "(z, y, x)", objects.shape)
        depth = len(objects)
        count = max(1, round(self.keep * depth))
        places = ((np.arange(count) + rng.random()) * depth / count).astype(np.intp)
        marked = np.full(objects.shape, UNLABELLED, np.int32)
        marked[places] = objects[places]
        return marked
