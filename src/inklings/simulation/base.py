"""What every weakening is: a small record of options that maps objects to objects."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from inklings.errors import SpecError

Objects = NDArray[np.int32]
"""``(*S)`` number of the object at each sample, 0 background, -1 where nothing is labelled."""

UNLABELLED = -1

Form = Literal["mask", "partial", "points", "bag"]
"""How the result is written: a complete mask (which says nothing of what is wrong with it), a mask
with unlabelled samples, point labels, or one bag label for the image."""


class Weakening(Protocol):
    """One way in which labels are weaker than the truth; a frozen dataclass of its options."""

    form: ClassVar[Form]

    def __call__(self, objects: Objects, rng: Generator) -> Objects:
        """Weaker ``objects``, which keep the numbers that they had; the input is not changed."""


def require(fine: bool, kind: str, option: str, expected: str, got: Any) -> None:
    """Raise SpecError unless an option is in range."""
    if not fine:
        raise SpecError(f"weakening {kind!r}: expected {option} {expected}, got {got}")


def nearest(objects: Objects) -> tuple[NDArray[np.float64], Objects]:
    """Distance of each sample to the nearest object, and the number of that object.

    Where there is no object the distance is infinite.
    """
    if not (objects > 0).any():
        return np.full(objects.shape, np.inf), objects
    distance, index = ndimage.distance_transform_edt(objects <= 0, return_indices=True)
    return distance, objects[tuple(index)]
