"""Objects that the annotator left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from inklings.simulation.base import Form, Objects, require


@dataclass(frozen=True)
class Drop:
    """Keep each object with probability ``keep``, whatever its size, place or look.

    With one seed, what is kept at a small ``keep`` is kept at a larger one too.
    """

    keep: float
    form: ClassVar[Form] = "mask"

    def __post_init__(self) -> None:
        require(0 <= self.keep <= 1, "drop", "keep", "between 0 and 1", self.keep)

    def __call__(self, objects: Objects, rng: Generator) -> Objects:
        """The objects that are left."""
        numbers = np.unique(objects[objects > 0])
        gone = numbers[rng.random(len(numbers)) >= self.keep]
        return np.where(np.isin(objects, gone), 0, objects).astype(np.int32)
