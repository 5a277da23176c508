"""Depth inside objects, by hand."""

import numpy as np

from inklings.labels.depth import relative_depth


def test_depth_of_a_square_counts_from_its_own_border() -> None:
    objects = np.zeros((9, 9), np.int32)
    objects[2:7, 2:7] = 5
    by_hand = np.array([0, 0, 1, 2, 3, 2, 1, 0, 0]) / 3
    np.testing.assert_allclose(relative_depth(objects)[4], by_hand, rtol=1e-6)


def test_a_touching_object_and_the_edge_of_the_image_are_outside() -> None:
    objects = np.zeros((5, 6), np.int32)
    objects[:, :3], objects[:, 3:] = 1, 2
    assert relative_depth(objects)[2].tolist() == [0.5, 1, 0.5, 0.5, 1, 0.5]


def test_unlabelled_samples_are_no_object() -> None:
    assert not relative_depth(np.full((3, 3), -1, np.int32)).any()
