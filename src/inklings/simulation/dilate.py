"""Outlines drawn too wide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from inklings.simulation.base import Form, Objects, nearest, require


@dataclass(frozen=True)
class Dilate:
    """Add every pixel within ``pixels`` of an object to it; between two, to the nearer one.

    Attributes:
        pixels: How far outside the true border the outlines run.
        boundary_error: 0: the same everywhere. Else how much annotators differ, every image being
            drawn by another one: ``pixels`` times a log-normal factor of median 1 whose logarithm
            has this standard deviation (0.5: two thirds of the images lie between 0.6 and 1.6
            times).
    """

    pixels: float
    boundary_error: float = 0.0
    form: ClassVar[Form] = "mask"

    def __post_init__(self) -> None:
        require(self.pixels > 0, "dilate", "pixels", "above 0", self.pixels)
        require(
            0 <= self.boundary_error <= 2,
            "dilate",
            "boundary_error",
            "between 0 and 2",
            self.boundary_error,
        )

    def __call__(self, objects: Objects, rng: Generator) -> Objects:
        """The wider objects."""
        reach = self.pixels * float(np.exp(self.boundary_error * rng.standard_normal()))
        distance, owner = nearest(objects)
        return np.where((distance <= reach) & (objects >= 0), owner, objects).astype(np.int32)
