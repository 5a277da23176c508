"""Bag supervision: what is known of a whole case, said of every sample of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inklings.cohorts.case import Case
from inklings.errors import LabelError
from inklings.geometry import Geometry, Region
from inklings.labels.kinds import BagLabel
from inklings.supervision.base import Supervision, Target


class BagSupervision(Supervision):
    """Every sample carries the label of its case; masks are not looked at.

    Of tiles of slides, every sample of tissue does, and glass is negative, whatever its slide.

    For losses that look for the positives themselves (``alpha_beta``): with any other loss the
    network is told that all of a positive case is positive.
    """

    of_tissue = True

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = self.channels = tuple(classes)

    def target(self, case: Case, geometry: Geometry, region: Region | None = None) -> Target:
        """``value`` ``(K, *S)``, the same everywhere, and ``known`` ``(1, *S)``, True everywhere.

        Raises:
            LabelError: If the case does not say of each class whether it is present.
        """
        said = {k.name: k.present for k in case.labels if isinstance(k, BagLabel)}
        missing = [name for name in self.classes if name not in said]
        if missing:
            raise LabelError(
                f"case {case.id}: expected a bag label for {', '.join(missing)}, got none; import "
                "labels of the slides too, or make them with 'inklings weaken --kind bag'"
            )
        shape = geometry.shape if region is None else region.size
        value = np.zeros((len(self.classes), *shape), np.uint8)
        value[[said[name] for name in self.classes]] = 255
        return Target(value, np.ones(shape, np.bool_))
