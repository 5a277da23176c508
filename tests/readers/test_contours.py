"""Outlines fill the samples whose centres they hold: shapely and worked cases judge."""

from __future__ import annotations

import numpy as np
import pytest

from inklings.readers.contours import cross, filled, same

shapely = pytest.importorskip("shapely", reason="shapely judges which centres lie within")

SQUARE = np.array([[2.0, 2], [2, 5], [5, 5], [5, 2]])


def test_a_square_from_2_to_5_holds_nine_centres() -> None:
    mask = filled([SQUARE], (8, 8))
    assert mask.sum() == 9
    assert mask[2:5, 2:5].all()


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("first", range(4))
def test_neither_direction_nor_first_corner_change_what_is_filled(way: int, first: int) -> None:
    mask = filled([np.roll(SQUARE, first, axis=0)[::way]], (8, 8))
    np.testing.assert_array_equal(mask, filled([SQUARE], (8, 8)))


def test_two_squares_that_share_an_edge_share_no_sample() -> None:
    right = SQUARE + np.array([0, 3])
    assert not (filled([SQUARE], (8, 9)) & filled([right], (8, 9))).any()
    assert filled([SQUARE, right], (8, 9)).sum() == 18


def test_an_outline_within_another_is_a_hole_and_one_within_the_hole_an_island() -> None:
    rings = [np.array([[a, a], [a, b], [b, b], [b, a]], float) for a, b in ((0, 9), (2, 7), (4, 5))]
    assert filled(rings, (10, 10)).sum() == 81 - 25 + 1


def test_a_keyhole_is_a_hole() -> None:
    outer = np.array([[0.0, 0], [0, 9], [9, 9], [9, 0], [4, 0]])
    inner = np.array([[4, 3], [2, 3], [2, 7], [7, 7], [7, 3], [4, 3]])
    ring = np.concatenate([outer, inner, [[4, 0]]])
    assert filled([ring], (10, 10)).sum() == 81 - 20


@pytest.mark.parametrize("seed", range(6))
def test_stars_hold_the_centres_that_shapely_finds_within(seed: int) -> None:
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, 25))
    radii = random.uniform(3, 14, 25)
    ring = 12.3 + np.stack([np.sin(angles) * radii, np.cos(angles) * radii], 1)
    y, x = np.mgrid[:24, :26]
    expected = shapely.contains_xy(shapely.Polygon(np.round(ring, 3)), y.ravel(), x.ravel())
    np.testing.assert_array_equal(filled([ring], (24, 26)), expected.reshape(24, 26))


def test_what_leaves_the_image_fills_what_is_left() -> None:
    assert filled([np.array([[-4.0, -4], [-4, 3], [3, 3], [3, -4]])], (8, 8)).sum() == 9
    assert filled([np.array([[-4.0, -4], [-4, 30], [30, 30], [30, -4]])], (8, 8)).all()
    assert not filled([SQUARE + 20], (8, 8)).any()


def test_the_same_outline_begun_elsewhere_is_the_same() -> None:
    assert same(SQUARE, np.roll(SQUARE, 2, axis=0)[::-1])
    assert not same(SQUARE, SQUARE + 1)


def test_outlines_that_overlap_in_part_are_counted() -> None:
    inner = SQUARE * 0.5 + 1.6
    assert cross([SQUARE, SQUARE + 1, SQUARE + 20], (30, 30)) == 1
    assert cross([SQUARE, inner], (30, 30)) == 0
