"""Partial supervision: only what was annotated is a fact."""

from __future__ import annotations

from inklings.cohorts.case import Case
from inklings.geometry import Geometry, Region
from inklings.supervision.base import Target
from inklings.supervision.channels import OfClasses, as_target, draw


class Partial(OfClasses):
    """Facts where labels speak, nothing elsewhere.

    Of a box, an ellipse of half its size is the object, outside is not, and the rest of the
    box is not known. Of a point only its disc is known.
    """

    def target(self, case: Case, geometry: Geometry, region: Region | None = None) -> Target:
        """``value`` ``(K, *S)`` and ``known`` ``(1 or K, *S)``.

        Raises:
            LabelError: If nothing in the case is annotated.
        """
        annotation = draw(case, geometry, self.classes, "ellipse", region)
        return as_target(case, annotation, annotation.known, self.classes, self.cores)
