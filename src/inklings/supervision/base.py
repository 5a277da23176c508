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
        assumed: ``(*S)``, True where nobody drew anything and background is assumed; None where
            nothing is.
    """

    value: NDArray[np.uint8]
    known: NDArray[np.bool_]
    assumed: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class FarBackground:
    """What is far from every stroke counts as background.

    Attributes:
        reach: Farthest that an object goes from its strokes, in pixels; None estimates it.
        weight: Of the mean over what is farther, beside the mean over what was drawn.
    """

    reach: float | None
    weight: float


class Supervision(Protocol):
    """Turns the labels of a case into its target.

    Attributes:
        channels: Names of the channels of a target.
        of_tissue: Whether a target of a slide speaks of its tissue alone.
        far: What is assumed far from all that was drawn; None for nothing.
    """

    channels: tuple[str, ...]
    of_tissue: bool = False
    far: FarBackground | None = None

    def target(self, case: Case, geometry: Geometry, region: Region | None = None) -> Target:
        """Target of ``case`` on ``geometry``, or of one region of it.

        Raises:
            LabelError: If the case holds no label of the kind needed.
        """


Array = NDArray[Any]
