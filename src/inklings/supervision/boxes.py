"""Supervision by boxes: outside of all of them is background, inside lies an object that fits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.cohorts.case import Case
from inklings.errors import LabelError, SpecError
from inklings.geometry import Geometry, Region
from inklings.labels.kinds import BallLabel, PointLabel
from inklings.supervision.base import Target
from inklings.supervision.channels import OfClasses, draw, spoken_of


class Boxes(OfClasses):
    """Coarse outlines that hold an object and touch it on every side: for the loss ``box``.

    Choosing this supervision is stating that of everything that is marked, boxes, polygons and
    objects of masks alike. That nothing is outside of the boxes of a class is a fact, if the case
    annotates it; which part of a box is the object is not, so ``known`` is False there and
    ``objects`` says which box it is.
    """

    coarse = True

    def __init__(self, classes: Sequence[str], cores: bool = False) -> None:
        super().__init__(classes)
        if cores:
            raise SpecError("supervision boxes: expected no cores, got some; a box has no depth")

    def target(self, case: Case, geometry: Geometry, region: Region | None = None) -> Target:
        """``value``, ``known`` and ``objects``, ``(K, *S)`` each.

        Raises:
            LabelError: If nothing is annotated, or points are, which hold no object.
        """
        if any(isinstance(label, PointLabel | BallLabel) for label in case.labels):
            raise LabelError(
                f"case {case.id}: expected boxes or outlines around objects for supervision "
                "'boxes', got points; take supervision: auto"
            )
        drawn = draw(case, geometry, self.classes, "filled", region)
        codes = np.arange(1, len(self.classes) + 1).reshape(-1, *[1] * drawn.category.ndim)
        objects = np.where(drawn.category == codes, drawn.objects, np.int32(0))
        hidden = np.stack([_within(channel) for channel in objects]) & (drawn.objects > 0)
        value = np.zeros(objects.shape, np.uint8)
        known = spoken_of(case, self.classes, value, drawn.known & ~hidden)
        return Target(value, known, objects=objects)


def _within(objects: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where an object may lie: from the first to the last sample of each, along every axis.

    A smaller box of another class may cover a part of a larger one.
    """
    within = np.zeros(objects.shape, np.bool_)
    for where in ndimage.find_objects(objects):
        if where is not None:
            within[where] = True
    return within
