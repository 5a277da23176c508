"""Outlines of the regions of a map of classes that comes band by band, without seams.

Only the corners of an outline are kept, each with the corner that it reaches along its row and the
one along its column, so rings close by following partners, whatever bands they run through. A
region leaves as soon as the sweep has passed it: memory holds the regions that are still open.

Regions are connected along edges. Where one touches itself at a corner, its ring is cut in two
there, so every ring is simple, as geometry programs want it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from skimage.measure import label

Array = NDArray[np.int64]
_COLUMNS = ("y", "x", "side", "code", "region")


@dataclass(frozen=True, eq=False)
class RegionOutline:
    """One region of the map.

    Attributes:
        code: Index of its class plus one.
        samples: How many it has.
        rings: Corners ``(N, 2)`` of ``(y, x)``, on the edges of the samples (the first sample
            lies between 0 and 1), closed, the outer ring first, holes after it; the outer one
            turns from x towards y, holes the other way.
    """

    code: int
    samples: int
    rings: tuple[Array, ...]


@dataclass
class _Corners:
    """``(n,)`` each; ``along`` and ``down`` are the partners, -1 while there is none.

    ``side`` says which of the four samples around the corner is seen from: 0 and 1 above it, left
    and right, 2 and 3 below. Along a row, corners of one class that look the same way, up or
    down, are the ends of its edges in turn; along a column, those that look left or right.
    """

    y: Array
    x: Array
    side: Array
    code: Array
    region: Array
    along: Array
    down: Array

    @classmethod
    def none(cls) -> _Corners:
        return cls(*(np.zeros(0, np.int64) for _ in range(7)))

    def __len__(self) -> int:
        return len(self.y)

    def part(self, keep: NDArray[np.bool_]) -> _Corners:
        """Those to keep, their partners renumbered; partners are kept or left together."""
        place = np.cumsum(keep) - 1
        along, down = (
            np.where(p[keep] < 0, -1, place[np.maximum(p[keep], 0)])
            for p in (self.along, self.down)
        )
        rest = {name: getattr(self, name)[keep] for name in _COLUMNS}
        return _Corners(**rest, along=along, down=down)

    def extended(self, other: _Corners) -> _Corners:
        """These, then ``other``, whose partners ``along`` count from its own start."""
        shift = len(self)
        moved = np.where(other.along < 0, -1, other.along + shift)
        columns = {
            name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in _COLUMNS
        }
        down = np.concatenate([self.down, other.down])
        return _Corners(**columns, along=np.concatenate([self.along, moved]), down=down)


class Outlines:
    """Takes bands of a map of classes from top to bottom and gives finished regions.

    Args:
        width: Samples of the map along x.
        smallest: Regions of fewer samples are counted in `left_out`, not outlined.
    """

    def __init__(self, width: int, smallest: int = 1) -> None:
        self._smallest = smallest
        self._y = 0
        self._codes = np.zeros(width, np.uint8)
        self._labels = np.zeros(width, np.int64)
        self._samples = np.zeros(1, np.int64)  # of the regions that are open; 0 is no region
        self._code = np.zeros(1, np.int64)
        self._corners = _Corners.none()
        self.left_out = 0
        """Regions that were too small."""

    def skip(self, height: int) -> Iterator[RegionOutline]:
        """The next ``height`` rows hold no class."""
        if height > 0:
            yield from self.push(np.zeros((1, len(self._codes)), np.uint8))
            self._y += height - 1

    def push(self, band: NDArray[np.uint8]) -> Iterator[RegionOutline]:
        """Take the next rows, ``(h, width)`` codes, 0 is no class; yield what ended above."""
        if band.any() or self._codes.any():
            labels = self._label(band)
            self._link(band, labels)
            self._codes, self._labels = band[-1].copy(), labels[-1].copy()
            yield from self._finished()
        self._y += len(band)

    def close(self) -> Iterator[RegionOutline]:
        """The map ends here."""
        yield from self.skip(1)

    def _label(self, band: NDArray[np.uint8]) -> Array:
        """Numbers of regions, the open ones included, joined where the band joins them."""
        before = len(self._samples)
        own = label(band, background=0, connectivity=1).astype(np.int64)  # type: ignore[no-untyped-call]
        own[own > 0] += before - 1
        count = max(before, int(own.max(initial=0)) + 1)
        same = (self._codes == band[0]) & (band[0] > 0)
        joins = (np.ones(int(same.sum())), (self._labels[same], own[0][same]))
        _, joined = connected_components(coo_matrix(joins, shape=(count, count)), directed=False)
        # Number 0 keeps its meaning: it is joined with nothing, and so a component of its own,
        # the first one, since components are numbered in the order of their first member.
        joined = joined.astype(np.int64)
        samples = np.bincount(own.ravel(), minlength=count)
        samples[0] = 0
        samples[:before] += self._samples
        self._samples = np.bincount(joined, weights=samples).astype(np.int64)
        code = np.zeros(count, np.int64)
        code[:before] = self._code
        code[own.ravel()] = band.ravel()
        self._code = np.zeros(int(joined.max()) + 1, np.int64)
        np.maximum.at(self._code, joined, code)
        self._labels = joined[self._labels]
        self._corners.region = joined[self._corners.region]
        labels: Array = joined[own]
        return labels

    def _link(self, band: NDArray[np.uint8], labels: Array) -> None:
        """Find the corners between the last row and the end of the band, and their partners."""
        codes = np.pad(np.vstack([self._codes, band]), ((0, 0), (1, 1)))
        regions = np.pad(np.vstack([self._labels, labels]), ((0, 0), (1, 1)))
        new = _corners(codes, regions, self._y)
        order = np.lexsort((new.x, new.code, new.side // 2, new.y))
        new.along[order[::2]], new.along[order[1::2]] = order[1::2], order[::2]
        both = self._corners.extended(new)
        open_ = np.flatnonzero(both.down < 0)
        y, x, code, side = (a[open_] for a in (both.y, both.x, both.code, both.side % 2))
        order = np.lexsort((y, side, code, x))
        key = np.stack([x, code, side])[:, order]
        starts = np.concatenate([[True], (key[:, 1:] != key[:, :-1]).any(axis=0)])[: len(order)]
        first = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
        even = (np.arange(len(order)) - first) % 2 == 0
        upper = np.flatnonzero(even[:-1] & ~even[1:])
        one, other = open_[order[upper]], open_[order[upper + 1]]
        both.down[one], both.down[other] = other, one
        self._corners = both

    def _finished(self) -> Iterator[RegionOutline]:
        """Yield the regions that the last row does not hold, and forget them."""
        going = np.zeros(len(self._samples), np.bool_)
        going[self._labels] = True
        going[0] = True
        done = np.flatnonzero(~going)
        small = self._samples[done] < self._smallest
        self.left_out += int(small.sum())
        chosen = np.zeros(len(going), np.bool_)
        chosen[done[~small]] = True
        yield from _outlines(
            self._corners.part(chosen[self._corners.region]), self._code, self._samples
        )
        number = np.cumsum(going) - 1
        self._corners = self._corners.part(going[self._corners.region])
        self._corners.region = number[self._corners.region]
        self._labels = number[self._labels]
        self._samples, self._code = self._samples[going], self._code[going]


def _corners(codes: NDArray[np.uint8], regions: Array, y: int) -> _Corners:
    """Corners at the points between the rows of ``codes``; the first such row is number ``y``.

    Seen from each of the four samples around a point: the point is a corner of its region if both
    neighbours there are of other classes, or both are of its class and the sample opposite is not.
    """
    a, b, c, d = codes[:-1, :-1], codes[:-1, 1:], codes[1:, :-1], codes[1:, 1:]
    places = (slice(None, -1), slice(1, None))
    found = []
    around = ((a, b, c, d), (b, a, d, c), (c, d, a, b), (d, c, b, a))
    for side, (own, beside, below, opposite) in enumerate(around):
        left, under = beside == own, below == own
        corner = (own > 0) & (left == under) & ~(left & (opposite == own))
        at_y, at_x = np.nonzero(corner)
        region = regions[places[side // 2], places[side % 2]][at_y, at_x]
        code = own[at_y, at_x].astype(np.int64)
        found.append((at_y + y, at_x, np.full(len(at_y), side), code, region))
    columns = {
        name: np.concatenate(column).astype(np.int64)
        for name, column in zip(_COLUMNS, zip(*found, strict=True), strict=True)
    }
    nobody = np.full(len(columns["y"]), -1, np.int64)
    return _Corners(**columns, along=nobody, down=nobody.copy())


def _outlines(corners: _Corners, code: Array, samples: Array) -> Iterator[RegionOutline]:
    """Follow the partners of corners whose regions are complete."""
    along, down = corners.along.tolist(), corners.down.tolist()
    region = corners.region.tolist()
    points = list(zip(corners.y.tolist(), corners.x.tolist(), strict=True))
    seen = bytearray(len(points))
    rings: dict[int, list[Array]] = {}
    for start in range(len(points)):
        if seen[start]:
            continue
        here, ring = start, []
        while not seen[here]:
            there = along[here]
            seen[here] = seen[there] = 1
            ring += [points[here], points[there]]
            here = down[there]
        rings.setdefault(region[start], []).extend(_simple(ring))
    for number, own in rings.items():
        own.sort(key=lambda ring: -abs(signed_area(ring)))
        turned = [r if (signed_area(r) > 0) == (i == 0) else r[::-1] for i, r in enumerate(own)]
        yield RegionOutline(int(code[number]), int(samples[number]), tuple(turned))


def _simple(ring: list[tuple[int, int]]) -> Iterator[Array]:
    """The ring, cut in two wherever it visits a point twice; each closed."""
    path: list[tuple[int, int]] = []
    place: dict[tuple[int, int], int] = {}
    for point in ring:
        if point in place:
            loop = path[place[point] :]
            yield np.array([*loop, point])
            for gone in loop:
                del place[gone]
            del path[-len(loop) :]
        place[point] = len(path)
        path.append(point)
    yield np.array([*path, path[0]])


def signed_area(ring: Array) -> float:
    """Area of a closed ring ``(N, 2)`` of ``(y, x)``, positive if x turns towards y."""
    y, x = ring.T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)
