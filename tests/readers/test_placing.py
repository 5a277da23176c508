"""Parts of a grid return to their places, however they were cropped, turned or thinned out."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from inklings.errors import GeometryError
from inklings.geometry import Geometry
from inklings.readers.placing import placed

ANGLE = np.radians(20)
OBLIQUE = np.array(
    [[np.cos(ANGLE), -np.sin(ANGLE), 0], [np.sin(ANGLE), np.cos(ANGLE), 0], [0, 0, 1]]
)
GRID = Geometry((7, 9, 8), (3.0, 0.8, 1.1), (5.0, -3.0, 11.0), tuple(map(tuple, OBLIQUE.tolist())))


def mask() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2, GRID.shape).astype(bool)


def part(array: np.ndarray, start: tuple[int, int, int], steps: np.ndarray) -> tuple:
    """``array`` as seen on the grid whose axes step through it by the rows of ``steps``."""
    shape = []
    for row in steps:
        axis = int(np.abs(row).argmax())
        room = GRID.shape[axis] - 1 - start[axis] if row[axis] > 0 else start[axis]
        shape.append(room // abs(int(row[axis])) + 1)
    places = np.array(start) + np.stack(np.indices(shape), -1) @ steps
    found = array[tuple(np.moveaxis(places, -1, 0))]
    points = GRID.to_points(np.array(start) + np.concatenate([np.zeros((1, 3)), steps]))
    ways = points[1:] - points[0]
    lengths = np.linalg.norm(ways, axis=1)
    axes = (ways / lengths[:, None]).T[:, ::-1]
    own = Geometry(
        tuple(shape), tuple(lengths.tolist()), tuple(points[0].tolist()),
        tuple(map(tuple, axes.tolist())),
    )  # fmt: skip
    return found, own


ORDERS = list(itertools.permutations(range(3)))
SIGNS = [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (-1, -1, -1)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("signs", SIGNS)
def test_axes_in_any_order_and_direction_come_back(order: tuple, signs: tuple) -> None:
    array = mask()
    steps = np.zeros((3, 3), int)
    for row, (axis, sign) in enumerate(zip(order, signs, strict=True)):
        steps[row, axis] = sign
    start = tuple(0 if steps[:, a].sum() > 0 else n - 1 for a, n in enumerate(GRID.shape))
    found, own = part(array, start, steps)
    back = placed(found, own, GRID)
    np.testing.assert_array_equal(back.array, array)
    assert (back.outside, back.every) == (0, 1)


def test_every_second_plane_and_a_box_come_back_with_nothing_between() -> None:
    array = mask()
    found, own = part(array, (1, 2, 3), np.diag([2, 1, 1]))
    back = placed(found, own, GRID)
    expected = np.zeros_like(array)
    expected[1::2, 2:, 3:] = array[1::2, 2:, 3:]
    np.testing.assert_array_equal(back.array, expected)
    assert back.every == 2


def test_a_single_plane_across_any_axis_comes_back() -> None:
    array = mask()
    for axis in range(3):
        steps = np.eye(3, dtype=int)[[axis, *(a for a in range(3) if a != axis)]]
        start = tuple(4 if a == axis else 0 for a in range(3))
        found, own = part(array, start, steps)
        one = replace(own, shape=(1, *own.shape[1:]))
        back = placed(found[:1], one, GRID).array
        expected = np.zeros_like(array)
        place = tuple(4 if a == axis else slice(None) for a in range(3))
        expected[place] = array[place]
        np.testing.assert_array_equal(back, expected)


def test_samples_beyond_the_image_are_counted_and_dropped() -> None:
    own = replace(GRID, origin=tuple(GRID.to_points((-1, 2, 0)).tolist()))
    back = placed(np.ones(GRID.shape, bool), own, GRID)
    assert back.array.sum() == 6 * 7 * 8
    assert back.outside == 7 * 9 * 8 - 6 * 7 * 8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"origin": (5.3, -3.0, 11.0)}, "samples apart"),
        ({"spacing": (3.0, 0.4, 1.1)}, "is not resampled"),
        ({"spacing": (3.0, 1.6, 1.1)}, "is not resampled"),
        ({"direction": None}, "rotated against each other"),
    ],
)
def test_other_grids_are_refused_and_never_resampled(change: dict, words: str) -> None:
    with pytest.raises(GeometryError, match=words):
        placed(mask(), replace(GRID, **change), GRID)
