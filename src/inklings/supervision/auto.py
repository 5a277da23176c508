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
    "absent" of a class                       that no sample is of this class
    only "present", or nothing                nothing: the whole image is unlabelled
    ========================================  =================================================

    Of classes that the case does not annotate nothing is known where they were not drawn.
    Several labels of one case add up; where they disagree, the stronger stands.
    """

    def __init__(self, classes: Sequence[str], cores: bool = False) -> None:
        self.classes = tuple(classes)
        self.channels = channels(classes, cores)
        self._partial = Partial(classes, cores)

    def target(self, case: Case, geometry: Geometry, region: Region | None = None) -> Target:
        """``value`` ``(K, *S)`` and ``known`` ``(1 or K, *S)``.

        Raises:
            LabelError: If a label does not fit the image, or marks what a bag label denies.
        """
        absent = {k.name for k in case.labels if isinstance(k, BagLabel) and not k.present}
        if all(isinstance(label, CaseLabel) for label in case.labels):
            shape = geometry.shape if region is None else region.size
            value = np.zeros((len(self.channels), *shape), np.uint8)
            return self._without(absent, Target(value, np.zeros(shape, np.bool_)))
        target = self._partial.target(case, geometry, region)
        for name, channel in zip(self.classes, target.value, strict=False):
            if name in absent and channel.any():
                raise LabelError(
                    f"case {case.id}: labels mark {name!r} and a bag label says it is absent; "
                    "remove one of them"
                )
        return self._without(absent, target)

    def _without(self, absent: set[str], target: Target) -> Target:
        """The same, told also which classes are nowhere; a core is one of any class."""
        nowhere = [name in absent for name in self.classes]
        if all(nowhere):
            return Target(target.value, np.ones(target.shape, np.bool_))
        if not any(nowhere):
            return target
        nowhere += [False] * (len(self.channels) - len(nowhere))
        every = np.array(nowhere).reshape(-1, *[1] * len(target.shape))
        return Target(target.value, target.known | every)
