"""Full supervision: every sample is a fact."""

from __future__ import annotations

from inklings.cohorts.case import Case
from inklings.errors import LabelError
from inklings.geometry import Geometry, Region
from inklings.supervision.base import Target
from inklings.supervision.channels import OfClasses, as_target, draw


class Full(OfClasses):
    """Trust complete labels to the last sample; boxes count as if objects filled them."""

    def target(self, case: Case, geometry: Geometry, region: Region | None = None) -> Target:
        """``value`` ``(K, *S)`` and ``known`` ``(1, *S)``, True everywhere.

        Raises:
            LabelError: If the labels of the case are not complete.
        """
        if not all(case.annotated(self.classes)):
            raise LabelError(
                f"case {case.id}: expected complete labels for supervision 'full', got labels of "
                f"{', '.join(case.annotates or ()) or 'no class'} alone of "
                f"{', '.join(self.classes)}; use supervision 'auto'"
            )
        annotation = draw(case, geometry, self.classes, "filled", region)
        if not (annotation.exhaustive and annotation.known.all()):
            share = annotation.known.mean()
            raise LabelError(
                f"case {case.id}: expected complete labels for supervision 'full', got labels that "
                f"speak of {share:.1%} of the samples; use supervision 'auto', or complete them"
            )
        return as_target(case, annotation, annotation.known, self.classes, self.cores)
