"""Planes of a volume lie on the picture as a radiologist expects them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from inklings.geometry import Geometry
from inklings.labels.marks import Annotation
from inklings.reports.three_planes import crossing, flat, three_planes

SIZE = {"x": 12, "y": 10, "z": 8}


def scan(order: tuple[int, ...], signs: tuple[int, ...]) -> tuple[np.ndarray, Geometry]:
    """A mark at the patient's left, front and head, on a grid of 1 mm with any axes."""
    axes = np.eye(3)[:, order] * signs
    sides = np.array([SIZE["x"], SIZE["y"], SIZE["z"]])[list(order)]
    direction = tuple(tuple(row) for row in axes.tolist())
    shape = tuple(int(n) for n in sides[::-1])
    flat_grid = Geometry(shape, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), direction)
    corners = flat_grid.to_points(list(itertools.product(*[(0, n - 1) for n in shape])))
    geometry = Geometry(shape, (1.0, 1.0, 1.0), tuple((-corners.min(0)).tolist()), direction)
    array = np.zeros((1, *shape), np.uint8)
    index = np.rint(geometry.to_indices((10, 1, 6))).astype(int)
    array[(0, *index)] = 255
    return array, geometry


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", list(itertools.product((1, -1), repeat=3)))
def test_left_is_right_front_and_head_are_up_for_every_orientation(
    order: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    array, geometry = scan(order, signs)
    at = tuple(int(i) for i in np.rint(geometry.to_indices((10, 1, 6))))
    shown = three_planes(array, geometry, at)[0]
    rows, columns = np.nonzero(shown)
    top = (shown.shape[0] - SIZE["y"]) // 2
    assert (top + 1, 10) in zip(rows.tolist(), columns.tolist(), strict=True)
    assert (1, 12 + 3 + 10) in zip(rows.tolist(), columns.tolist(), strict=True)
    assert (shown.shape[0] - 8 + 1, 12 + 3 + 1) in zip(rows.tolist(), columns.tolist(), strict=True)
    assert len(rows) == 3


def test_thick_slices_keep_their_proportions() -> None:
    geometry = Geometry((10, 20, 30), (4.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    shown = three_planes(np.zeros((1, 10, 20, 30)), geometry, (5, 10, 15))
    assert shown.shape == (1, 40 + 3 + 40, 30 + 3 + 30)


def test_planes_cross_where_most_is_annotated() -> None:
    category = np.zeros((9, 20, 20), np.uint8)
    category[6, 3:9, 4:9] = 1
    category[2, 3:5, 4:6] = 1
    said = Annotation(
        category.astype(np.int32), category, np.ones(category.shape, bool), True, False
    )
    geometry = Geometry(category.shape, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    at = crossing(geometry, said)
    assert at[0] == 6
    assert flat(said, geometry, at).category.max() == 1
    assert crossing(geometry, None) == (4, 10, 10)
