"""Sister crops: images cut side by side from one larger field.

Public sets often hold the tiles of one microscope field as separate images. They share cells,
stain and focus, so a split that parts them tests a model on what it has half seen. Where tile B
lay right of tile A, the last column of A and the first column of B are neighbours of one picture
and differ as little as any two neighbouring columns inside A or B do; the same for rows.

A border is accepted only if four things hold: each line is the other's best match among all
images of the same size; they correlate; the second-best match is clearly worse; and the step
across the border is no larger than the steps inside, which also compares brightness. Tiles are
then laid out on a grid, surest border first, and a border that contradicts the layout (another
place for the same tile, two tiles in one place) is dropped. Empty, dark borders carry nothing to
compare, so a field may come out as several groups: precision goes before completeness.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.fingerprint import ImageStatistics

CORRELATION = 0.8
"""Least correlation of two lines that continue each other."""

STEP = 1.5
"""Largest step across a border, in units of the steps inside (root mean square)."""

MARGIN = 1.4
"""How many times further from 1 the second-best correlation must be."""

LENGTH = 32
"""Shorter borders are not compared."""

_BLOCK = 1024
_SEAMS: Mapping[tuple[str, str], tuple[int, int]] = {
    ("right", "left"): (0, 1),
    ("bottom", "top"): (1, 0),
}


@dataclass(frozen=True, slots=True)
class Seam:
    """Two images that continue each other.

    Attributes:
        first: Index of one image.
        second: Index of its neighbour.
        offset: Place of the neighbour relative to the first, (rows, columns) of tiles.
        correlation: Of the two border lines.
        step: Across the border, in units of the steps inside.
        margin: ``(1 - second-best correlation) / (1 - correlation)``.
    """

    first: int
    second: int
    offset: tuple[int, int]
    correlation: float
    step: float
    margin: float


@dataclass(frozen=True)
class Mosaic:
    """Tiles of one field: index of the image to its place, (row, column) from the top left."""

    places: Mapping[int, tuple[int, int]]


def mosaics(looks: Sequence[ImageStatistics]) -> list[Mosaic]:
    """Groups of ``looks`` that are crops of one field, laid out; singles are left out."""
    return lay_out(seams(looks))


def seams(looks: Sequence[ImageStatistics]) -> list[Seam]:
    """All accepted borders between images of the same size."""
    by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, look in enumerate(looks):
        if look.sides and not look.blank and min(look.shape) >= LENGTH:
            by_shape[look.shape].append(index)
    found = []
    for members in by_shape.values():
        for (end, start), offset in _SEAMS.items():
            ends = np.stack([looks[i].sides[end] for i in members])
            starts = np.stack([looks[i].sides[start] for i in members])
            found += list(_matches(ends, starts, members, offset))
    return found


def lay_out(borders: Sequence[Seam]) -> list[Mosaic]:
    """Join borders into mosaics, surest first, dropping those that contradict the layout."""
    home: dict[int, int] = {}
    places: dict[int, dict[int, tuple[int, int]]] = {}
    for seam in sorted(borders, key=lambda s: (s.step - s.correlation, s.first, s.second)):
        for index in (seam.first, seam.second):
            if home.setdefault(index, index) == index:
                places.setdefault(index, {index: (0, 0)})
        one, other = home[seam.first], home[seam.second]
        if one == other:
            continue
        row, column = places[one][seam.first]
        there = places[other][seam.second]
        shift = (row + seam.offset[0] - there[0], column + seam.offset[1] - there[1])
        moved = {i: (r + shift[0], c + shift[1]) for i, (r, c) in places[other].items()}
        if set(moved.values()) & set(places[one].values()):
            continue
        places[one].update(moved)
        home.update(dict.fromkeys(moved, one))
        del places[other]
    return [_from_corner(group) for group in places.values() if len(group) > 1]


def _from_corner(places: Mapping[int, tuple[int, int]]) -> Mosaic:
    top = min(row for row, _ in places.values())
    left = min(column for _, column in places.values())
    return Mosaic({i: (row - top, column - left) for i, (row, column) in sorted(places.items())})


def _matches(
    ends: NDArray[np.float32],
    starts: NDArray[np.float32],
    members: Sequence[int],
    offset: tuple[int, int],
) -> Iterator[Seam]:
    """Accepted borders from the ends ``(N, 2, L)`` to the starts ``(N, 2, L)`` of N images."""
    if len(members) < 2:
        return
    inner = (_power(ends[:, 0] - ends[:, 1]), _power(starts[:, 0] - starts[:, 1]))
    best, value, second = _two_best(_unit(ends[:, 0]), _unit(starts[:, 0]))
    back, _, back_second = _two_best(_unit(starts[:, 0]), _unit(ends[:, 0]))
    for a, b in enumerate(best):
        if back[b] != a or value[a] < CORRELATION:
            continue
        apart = max(1 - float(value[a]), 1e-6)
        margin = (1 - float(max(second[a], back_second[b]))) / apart
        inside = np.sqrt((inner[0][a] + inner[1][b]) / 2)
        step = float(np.sqrt(_power(ends[a, 0] - starts[b, 0])) / max(inside, 1e-6))
        if margin >= MARGIN and step <= STEP:
            yield Seam(members[a], members[b], offset, float(value[a]), step, margin)


def _two_best(
    lines: NDArray[np.float32], others: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """For each of N lines: the best other (never the same image), its and the second's value."""
    best, value, second = [], [], []
    for start in range(0, len(lines), _BLOCK):
        product = lines[start : start + _BLOCK] @ others.T
        rows = np.arange(len(product))
        product[rows, start + rows] = -1
        top = product.argmax(1)
        best.append(top)
        value.append(product[rows, top])
        product[rows, top] = -1
        second.append(product.max(1))
    return np.concatenate(best), np.concatenate(value), np.concatenate(second)


def _unit(lines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean 0 and length 1 along the last axis; lines without contrast become 0."""
    centred = lines - lines.mean(1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(length, 1e-6), np.float32)


def _power(difference: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.square(difference, dtype=np.float64).mean(-1))
