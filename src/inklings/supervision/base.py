"""How labels become targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.geometry import Geometry, Region


@dataclass(frozen=True)
class Target:
    """What the learner is told about one image.

    Attributes:
        value: ``(K, *S)`` uint8 quantised probabilities, 255 is certainty, one channel per
            output of the network.
        known: ``(*S)``, True where ``value`` is a fact, False where it is a placeholder.
    """

    value: NDArray[np.uint8]
    known: NDArray[np.bool_]


class Supervision(Protocol):
    """Turns the labels of a case into its target.

    Attributes:
        channels: Names of the channels of a target.
        of_tissue: Whether a target of a slide speaks of its tissue alone.
    """

    channels: tuple[str, ...]
    of_tissue: bool = False

    def target(self, case: Case, geometry: Geometry, region: Region | None = None) -> Target:
        """Target of ``case`` on ``geometry``, or of one region of it.

        Raises:
            LabelError: If the case holds no label of the kind needed.
        """


Array = NDArray[Any]
