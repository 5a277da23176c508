"""What every way to find objects offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Refinement(Protocol):
    """Cuts a probability map into objects."""

    def __call__(
        self,
        probability: NDArray[np.uint8],
        threshold: float,
        core: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.int32]:
        """Number the objects.

        Args:
            probability: ``(*S)`` quantised probability of the class, 255 is certainty.
            threshold: Probability from which a sample belongs to an object.
            core: ``(*S)`` quantised probability of the inner part of objects, where known.

        Returns:
            ``(*S)`` numbers 1, 2, ... without gaps, 0 is background.
        """
