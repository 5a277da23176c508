import numpy as np
import pytest

from inklings.refinement.masks import at_least
from inklings.refinement.pieces import keep_largest, largest_piece


def boxes() -> np.ndarray:
    """Two parts of 3 x 4 x 5 and 2 x 2 x 2 samples; the second touches the first by an edge."""
    mask = np.zeros((8, 12, 12), np.bool_)
    mask[1:4, 1:5, 1:6] = True
    mask[4:6, 5:7, 1:3] = True
    return mask


def test_the_largest_piece_is_the_one_with_most_samples_and_pieces_touch_by_faces() -> None:
    kept = largest_piece(boxes())
    assert kept.sum() == 60
    assert not kept[4:].any()


def test_pieces_are_judged_across_planes_not_plane_by_plane() -> None:
    mask = np.zeros((4, 9, 9), np.bool_)
    mask[:, 0, 0] = True  # four samples, one a plane
    mask[2, 4:7, 4] = True  # three samples, the largest of its plane
    assert np.argwhere(largest_piece(mask))[:, 1:].max() == 0
    assert largest_piece(mask).sum() == 4


def test_one_piece_and_none_come_back_as_they_are() -> None:
    one = np.ones((2, 3, 4), np.bool_)
    assert largest_piece(one) is one
    assert not largest_piece(~one).any()


@pytest.mark.parametrize("threshold", [0.5, 128 / 255, 0.577, 1 / 255])
def test_stray_probability_falls_just_below_the_threshold_and_nothing_else_changes(
    threshold: float,
) -> None:
    dense = np.zeros((2, 8, 12, 12), np.uint8)
    dense[:, boxes()] = 240
    kept = keep_largest(dense, (threshold, threshold), [1])
    np.testing.assert_array_equal(kept[0], dense[0])
    mask = at_least(kept[1], threshold)
    np.testing.assert_array_equal(mask, largest_piece(boxes()))
    assert (kept[1][mask] == 240).all()
    stray = kept[1][4:6, 5:7, 1:3]
    assert (stray == stray.flat[0]).all()
    assert at_least(stray + np.uint8(1), threshold).all()


def test_probabilities_without_strays_are_not_copied() -> None:
    dense = np.full((1, 3, 3, 3), 200, np.uint8)
    assert keep_largest(dense, (0.5,), [0]) is dense
