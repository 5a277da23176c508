"""What every way to find objects offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.uint8]
"""``(*S)`` quantised probabilities, 255 is certainty."""
Objects = NDArray[np.int32]
"""``(*S)`` numbers 1, 2, ... of objects, 0 is background."""


class Refinement(Protocol):
    """Cuts a probability map into objects."""

    def __call__(self, probability: Map, threshold: float, core: Map | None = None) -> Objects:
        """Number the objects.

        Args:
            probability: ``(*S)`` quantised probability of the class, 255 is certainty.
            threshold: Probability from which a sample belongs to an object.
            core: ``(*S)`` quantised probability of the inner part of objects, where known.

        Returns:
            ``(*S)`` numbers 1, 2, ... without gaps, 0 is background.
        """
