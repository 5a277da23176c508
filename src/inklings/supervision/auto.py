"""Supervision by what each case carries, so that one cohort may mix all kinds of labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inklings.cohorts.case import Case
from inklings.errors import LabelError
from inklings.geometry import Geometry, Region
from inklings.labels.kinds import BagLabel, CaseLabel
from inklings.supervision.base import Supervision, Target
from inklings.supervision.channels import channels
from inklings.supervision.partial import Partial


class Auto(Supervision):
    """What the labels of each case allow, and no more.

    ========================================  =================================================
    the case carries                          the learner is told
    ========================================  =================================================
    a complete mask, polygons                 every sample
    a partial mask                            the labelled samples
    a mask of positives, points               the positives; the rest is unlabelled
    boxes                                     their middle and what is outside all of them
    only "absent" of every class              every sample is background
    only "present", or nothing                nothing: the whole image is unlabelled
    ========================================  =================================================

    Several labels of one case add up; where they disagree, the stronger stands.
    """

    def __init__(self, classes: Sequence[str], cores: bool = False) -> None:
        self.classes = tuple(classes)
        self.channels = channels(classes, cores)
        self._partial = Partial(classes, cores)

    def target(self, case: Case, geometry: Geometry, region: Region | None = None) -> Target:
        """``value`` ``(K, *S)`` and ``known`` ``(*S)``.

        Raises:
            LabelError: If a label does not fit the image, or marks what a bag label denies.
        """
        absent = {k.name for k in case.labels if isinstance(k, BagLabel) and not k.present}
        if all(isinstance(label, CaseLabel) for label in case.labels):
            shape = geometry.shape if region is None else region.size
            value = np.zeros((len(self.channels), *shape), np.uint8)
            known = np.full(shape, absent.issuperset(self.classes))
            return Target(value, known)
        target = self._partial.target(case, geometry, region)
        for name, channel in zip(self.classes, target.value, strict=False):
            if name in absent and channel.any():
                raise LabelError(
                    f"case {case.id}: labels mark {name!r} and a bag label says it is absent; "
                    "remove one of them"
                )
        if absent.issuperset(self.classes):
            return Target(target.value, np.ones_like(target.known))
        return target
