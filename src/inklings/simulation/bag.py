"""One word for the whole image: is there any object in it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from inklings.simulation.base import Form, Objects


@dataclass(frozen=True)
class BagWeakening:
    """Keep of the objects only whether there are any of each class."""

    form: ClassVar[Form] = "bag"

    def __call__(self, objects: Objects, rng: Generator) -> Objects:  # noqa: ARG002
        """The objects; the label made of them says only which classes are present."""
        return objects
