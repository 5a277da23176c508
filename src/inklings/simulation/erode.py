"""Cores: objects marked in their middle only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from inklings.labels.depth import relative_depth
from inklings.simulation.base import Form, Objects, require


@dataclass(frozen=True)
class Erode:
    """Keep what lies deeper than ``depth`` times the largest depth of the object itself.

    Every object keeps its deepest samples, so none is lost.
    """

    depth: float = 0.5
    form: ClassVar[Form] = "mask"

    def __post_init__(self) -> None:
        require(0 <= self.depth < 1, "erode", "depth", "from 0 to below 1", self.depth)

    def __call__(self, objects: Objects, rng: Generator) -> Objects:  # noqa: ARG002
        """The cores."""
        shallow = (objects > 0) & (relative_depth(objects) <= self.depth)
        return np.where(shallow, 0, objects).astype(np.int32)
