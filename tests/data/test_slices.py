"""Planes and their neighbours as channels."""

import numpy as np

from inklings.data.slices import Planes, with_neighbours

VOLUME = np.arange(2 * 5 * 3 * 4).reshape(2, 5, 3, 4)


def test_a_plane_stands_in_the_middle_of_its_neighbours() -> None:
    got = with_neighbours(VOLUME, 2, 1)
    np.testing.assert_array_equal(got, np.concatenate([VOLUME[:, z] for z in (1, 2, 3)]))


def test_the_first_and_the_last_plane_are_repeated_beyond_the_volume() -> None:
    first, last = with_neighbours(VOLUME, 0, 2), with_neighbours(VOLUME, 4, 1)
    np.testing.assert_array_equal(first[0::2], VOLUME[0][[0, 0, 0, 1, 2]])
    np.testing.assert_array_equal(last[1::2], VOLUME[1][[3, 4, 4]])


def test_a_plane_alone_is_no_copy() -> None:
    assert np.shares_memory(with_neighbours(VOLUME, 3, 0), VOLUME)


def test_planes_of_several_volumes_are_made_when_asked_for() -> None:
    planes = Planes([VOLUME, VOLUME + 1000], [(0, 1), (1, 4)], 0)
    assert len(planes) == 2
    np.testing.assert_array_equal(planes[1], VOLUME[:, 4] + 1000)
    np.testing.assert_array_equal(planes[1:][0], planes[1])
