"""Which of very many marks reach a region: their boxes in a tree, their corners in one array.

A slide may have a hundred thousand outlined cells, of which a training tile holds twenty.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.labels.balls import POINT_DIAMETER
from inklings.labels.kinds import (
    BallLabel,
    BoxLabel,
    CaseLabel,
    Label,
    MaskLabel,
    PointLabel,
    PolygonLabel,
)
from inklings.labels.marks import Claims, Mark, Patch

Pair = tuple[float, float]
_BLOCK = 64
_KEPT = 8


class BoxIndex:
    """Boxes in the plane, packed: neighbours share a block, whose box is looked at first.

    Args:
        low: ``(N, 2)`` first corners ``(y, x)``.
        high: ``(N, 2)`` last corners.
    """

    def __init__(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        centre = (low + high) / 2
        strips = max(1, round(np.sqrt(len(low) / _BLOCK)))
        strip = np.argsort(np.argsort(centre[:, 0])) * strips // max(1, len(low))
        self._order = np.lexsort((centre[:, 1], strip))
        self._low, self._high = low[self._order], high[self._order]
        starts = np.arange(0, len(low), _BLOCK)
        self._block_low = np.minimum.reduceat(self._low, starts) if len(low) else self._low
        self._block_high = np.maximum.reduceat(self._high, starts) if len(low) else self._high

    def reaching(self, low: Any, high: Any) -> NDArray[np.int64]:
        """Numbers of the boxes that share a point with a box, in order."""
        blocks = np.flatnonzero(_overlap(self._block_low, self._block_high, low, high))
        near = (blocks[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
        near = near[near < len(self._order)]
        hit = near[_overlap(self._low[near], self._high[near], low, high)]
        return np.sort(self._order[hit])


class Marks:
    """The outlines, boxes and points on one image of a case, found by place.

    Args:
        labels: All labels of the case, in samples of level 0.
        image: Which of its images.
    """

    def __init__(self, labels: Sequence[Label], image: str) -> None:
        here = [k for k in labels if not isinstance(k, CaseLabel) and k.image == image]
        self.masks = [k for k in here if isinstance(k, MaskLabel)]
        self.some = bool(here)
        self._labels = [k for k in here if not isinstance(k, MaskLabel | BallLabel)]
        self.claims = Claims.of(self._labels)
        rings = [_corners(label) for label in self._labels]
        self._ends = np.cumsum([len(ring) for ring in rings], dtype=np.int64)
        flat = chain.from_iterable(chain.from_iterable(rings))
        self._corners = np.fromiter(flat, float).reshape(-1, 2)
        low, high = _extremes(self._corners, self._ends)
        self._boxes = BoxIndex(low, high)

    def __bool__(self) -> bool:
        return bool(self._labels)

    def near(self, start: Sequence[float], size: Sequence[float], factor: Pair) -> list[Mark]:
        """Marks that reach a region, in its samples.

        Args:
            start: First sample of the region in its grid, ``(y, x)``.
            size: Its samples.
            factor: Samples of level 0 to one of the grid.
        """
        scale, corner = np.array(factor), np.array(start)
        margin = scale * POINT_DIAMETER  # a point is a disc of so many samples of the grid
        low, high = corner * scale - margin - 1, (corner + size) * scale + margin
        found = (self._moved(int(k), scale, corner) for k in self._boxes.reaching(low, high))
        return [mark for mark in found if mark is not None]

    def _moved(
        self, number: int, factor: NDArray[np.float64], start: NDArray[np.float64]
    ) -> Mark | None:
        label, end = self._labels[number], int(self._ends[number])
        begin = int(self._ends[number - 1]) if number else 0
        corners = self._corners[begin:end]
        if isinstance(label, BoxLabel):
            sides = corners / factor - start
            first, last = sides.tolist()
            return BoxLabel(label.image, label.name, tuple(first), tuple(last))
        if isinstance(label, PointLabel):
            placed = (corners + 0.5) / factor - 0.5 - start
            diameter = label.diameter and label.diameter / float(np.sqrt(factor.prod()))
            return PointLabel(label.image, label.name, tuple(placed[0].tolist()), diameter)
        if isinstance(label, PolygonLabel):
            return Patch.of(label, factor, start)
        return None


def marks_of(labels: tuple[Label, ...], image: str) -> Marks:
    """The index of the labels of a case, made once for many regions."""
    key = (id(labels), image)
    kept = _INDEXES.get(key)
    if kept is None or kept[0] is not labels:
        kept = (labels, Marks(labels, image))  # the labels stay alive, so their id is theirs
        _INDEXES[key] = kept
        while len(_INDEXES) > _KEPT:
            _INDEXES.popitem(last=False)
    return kept[1]


_INDEXES: OrderedDict[tuple[int, str], tuple[tuple[Label, ...], Marks]] = OrderedDict()


def _corners(label: Label) -> Sequence[Sequence[float]]:
    if isinstance(label, PolygonLabel):
        return list(chain(label.vertices, *(part[0] for part in label.parts)))
    if isinstance(label, BoxLabel):
        return (label.start, label.stop)
    assert isinstance(label, PointLabel)
    radius = (label.diameter or 0) / 2
    y, x = label.point
    return ((y, x), (y - radius, x - radius), (y + radius, x + radius))


def _extremes(
    corners: NDArray[np.float64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest and largest corner of each ring; of one without corners a box that nothing meets."""
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64) if len(ends) else ends
    some = ends > starts
    low = np.full((len(ends), 2), np.inf)
    high = np.full((len(ends), 2), -np.inf)
    if some.any():
        low[some] = np.minimum.reduceat(corners, starts[some])
        high[some] = np.maximum.reduceat(corners, starts[some])
    return low, high


def _overlap(
    low: NDArray[np.float64], high: NDArray[np.float64], first: Any, last: Any
) -> NDArray[np.bool_]:
    return np.asarray(
        (low[:, 0] <= last[0])
        & (high[:, 0] >= first[0])
        & (low[:, 1] <= last[1])
        & (high[:, 1] >= first[1])
    )
