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
    """Coarse outlines that hold an object and touch it on every side.

    Choosing this supervision is stating that of everything that is marked, boxes, polygons and
    objects of masks alike. That nothing is outside of the boxes of a class is a fact, if the case
    annotates it; which part of a box is the object is not, so ``known`` is False there, and
    ``objects`` says which box it is, for the loss ``box``. With a ``middle``, an ellipse in each
    box is taken for its object, and the rest of the box stays open: any loss learns from that.

    In a volume, marks that are rectangles plane by plane along one axis, and together no block,
    are boxes of these planes, each with a number of its own.

    Args:
        classes: Names, in the order of the channels.
        cores: No; boxes have no depth.
        middle: Sides of the ellipse over those of its box; 0 tells nothing of what is inside.
            Then targets carry no ``objects``.
    """

    def __init__(self, classes: Sequence[str], cores: bool = False, middle: float = 0.0) -> None:
        super().__init__(classes)
        if cores:
            raise SpecError("supervision boxes: expected no cores, got some; a box has no depth")
        if not 0 <= middle <= 1:
            raise SpecError(f"supervision boxes: expected a middle of 0 to 1, got {middle}")
        self.middle = middle
        self.coarse = middle == 0

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
        if objects.ndim == 4:
            objects = np.stack([_by_planes(channel, drawn.objects) for channel in objects])
        hidden = np.stack([_within(channel) for channel in objects]) & (drawn.objects > 0)
        value = np.stack(
            [_middles(channel, self.middle, region is not None) for channel in objects]
        )
        known = spoken_of(case, self.classes, value, drawn.known & (~hidden | (value > 0)))
        return Target(value, known, objects=objects if self.coarse else None)


def _within(objects: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where an object may lie: from the first to the last sample of each, along every axis.

    A smaller box of another class may cover a part of a larger one.
    """
    within = np.zeros(objects.shape, np.bool_)
    for where in ndimage.find_objects(objects):
        if where is not None:
            within[where] = True
    return within


_RECTANGLES = 0.9
"""Share of the pieces of an object that fill their rectangles, where it was drawn by planes."""
_LEAST = 16
"""Samples of a piece that is no rectangle by chance."""


def _by_planes(objects: NDArray[np.int32], drawn: NDArray[np.int32]) -> NDArray[np.int32]:
    """Numbers ``(Z, Y, X)`` in which boxes that were drawn plane by plane have one each.

    Args:
        objects: Numbers of the boxes of one class.
        drawn: Those of all, of which a smaller one may cover a part of a larger one.
    """
    found = objects.copy()
    last = int(objects.max(initial=0))
    places = ndimage.find_objects(drawn)
    sizes = np.array([np.inf, *(0 if k is None else drawn[k].size for k in places)])
    for number, where in enumerate(ndimage.find_objects(objects), 1):
        mine = None if where is None else objects[where] == number
        if mine is None or mine.all():
            continue
        covered = (sizes < sizes[number])[drawn[where]]
        if (mine | covered).all():
            continue
        share, pieces = max((_rectangles(mine, covered, k) for k in range(3)), key=lambda k: k[0])
        if share >= _RECTANGLES:
            found[where][mine] = pieces[mine] + last
            last += int(pieces.max())
    return found


def boxed(objects: NDArray[np.int32]) -> float:
    """Share of the marked samples ``(*S)`` in objects that are boxes, in a volume also by planes.

    Objects of a few samples are boxes by chance and count as none.
    """
    marked = objects > 0
    if not marked.any():
        return 0.0
    pieces = objects
    if objects.ndim == 3:
        pieces = np.where(marked, _by_planes(objects, objects), 0)
    filled = [False] * (int(pieces.max()) + 1)
    for number, where in enumerate(ndimage.find_objects(pieces), 1):
        if where is not None:
            own = pieces[where] == number
            filled[number] = bool(own.all()) and own.size >= _LEAST
    return float(np.array(filled)[pieces[marked]].mean())


def _rectangles(
    mine: NDArray[np.bool_], covered: NDArray[np.bool_], axis: int
) -> tuple[float, NDArray[np.int32]]:
    """Share of the pieces in the planes across an axis that are rectangles, and their numbers.

    A piece that may go on where it is covered says nothing of that.
    """
    within = np.ones((3, 3, 3), np.bool_)
    within[tuple(slice(None) if k != axis else [0, 2] for k in range(3))] = False
    pieces, _ = ndimage.label(mine, within, output=np.int32)
    filled = []
    for k, box in enumerate(ndimage.find_objects(pieces), 1):
        own = pieces[box] == k
        if own.all() or not (own | covered[box]).all():
            filled.append(bool(own.all()))
    return sum(filled) / max(len(filled), 1), pieces


def _middles(objects: NDArray[np.int32], middle: float, cut: bool) -> NDArray[np.uint8]:
    """255 in the ellipse that each box holds, scaled by ``middle``; ``(*S)``.

    Args:
        objects: Numbers of the boxes.
        middle: Sides of an ellipse over those of its box.
        cut: Whether boxes that reach the border may go on beyond it: of those nothing is told.
    """
    value = np.zeros(objects.shape, np.uint8)
    for number, where in enumerate(ndimage.find_objects(objects), 1):
        if where is None or not middle:
            continue
        sides = [(one.start, one.stop) for one in where]
        if cut and any(a == 0 or b == n for (a, b), n in zip(sides, objects.shape, strict=True)):
            continue
        offsets = np.ogrid[tuple(slice((a - b + 1) / 2, (b - a) / 2) for a, b in sides)]
        reach = [middle * (b - a) / 2 for a, b in sides]
        inside = sum((one / r) ** 2 for one, r in zip(offsets, reach, strict=True)) <= 1
        value[where][inside & (objects[where] == number)] = 255
    return value
