"""What a correction gives back: cleaner masks, and in words why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Evidence:
    """What spoke for a change of a group of masks, or that nothing did.

    Attributes:
        group: Which images were judged together (``grey`` or ``colour``).
        images: How many.
        source: ``contrast``, ``border profile``, ``texture`` or ``none``.
        action: ``kept``, ``shrunk``, ``grown``, ``moved`` or ``thinned``.
        reason: One sentence for the report.
        measures: The numbers behind it.
    """

    group: str
    images: int
    source: str
    action: str
    reason: str
    measures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Corrected:
    """Masks after correction.

    Attributes:
        masks: ``(H, W)`` each, in the order given; the very same array where nothing changed.
        evidence: One record for each group of images.
    """

    masks: list[NDArray[np.bool_]]
    evidence: tuple[Evidence, ...]

    @property
    def changed(self) -> bool:
        """Whether any mask may differ from what was given."""
        return any(record.action != "kept" for record in self.evidence)


class Correction(Protocol):
    """Cleans the masks of a cohort before training, from the images and the masks alone."""

    def correct(
        self,
        images: Sequence[NDArray[np.uint8]],
        masks: Sequence[NDArray[np.bool_]],
        exact: Collection[int] = (),
    ) -> Corrected:
        """Correct ``masks``.

        Args:
            images: ``(H, W, 3)`` or ``(H, W)`` each.
            masks: ``(H, W)`` foreground as annotated.
            exact: Indices of masks known to be exact; they are kept and show the annotators'
                style.
        """
