"""Supervision by scribbles: strokes are facts, and what is far from all of them is background."""

from __future__ import annotations

from collections.abc import Sequence

from inklings.errors import SpecError
from inklings.supervision.base import FarBackground
from inklings.supervision.partial import Partial


class Scribbles(Partial):
    """Strokes, and the assumption that every object of an annotated slice carries one.

    Choosing this supervision is stating that assumption. It is learnt as a second mean over the
    pixels farther than ``reach`` from every stroke of an object.

    Args:
        classes: Their names.
        cores: Add a channel of inner halves.
        reach: Farthest that an object goes from its strokes, in pixels of a slice on the grid
            that is learnt (`volumes.spacing_mm`); None estimates it from the strokes.
        weight: Of that mean, beside the one over the strokes.
    """

    def __init__(
        self,
        classes: Sequence[str],
        cores: bool = False,
        reach: float | None = None,
        weight: float = 0.5,
    ) -> None:
        super().__init__(classes, cores)
        if reach is not None and not reach > 0:
            raise SpecError(f"supervision scribbles: expected a reach above 0, got {reach}")
        if not weight > 0:
            raise SpecError(f"supervision scribbles: expected a weight above 0, got {weight}")
        self.far = FarBackground(reach, weight)
