"""Positive-unlabelled supervision: what was marked is there; the rest may or may not be."""

from __future__ import annotations

from inklings.cohorts.case import Case
from inklings.geometry import Geometry, Region
from inklings.supervision.base import Target
from inklings.supervision.channels import OfClasses, as_target, draw


class PositiveUnlabelled(OfClasses):
    """Marked samples are known positives; every other sample is unlabelled.

    For complete masks too: the choice for labels of which it is suspected that much is missing.
    """

    def target(self, case: Case, geometry: Geometry, region: Region | None = None) -> Target:
        """``value`` ``(K, *S)`` and ``known`` ``(1 or K, *S)``, True on positives only.

        Raises:
            LabelError: If nothing in the case is annotated.
        """
        annotation = draw(case, geometry, self.classes, "ellipse", region)
        return as_target(case, annotation, annotation.category > 0, self.classes, self.cores)
