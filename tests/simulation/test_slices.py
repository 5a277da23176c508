"""A few annotated slices of many."""

import numpy as np
import pytest
from numpy.random import default_rng

from inklings.errors import SpecError
from inklings.simulation.scribble import Scribble
from inklings.simulation.slices import Slices

OBJECTS = np.zeros((40, 20, 20), np.int32)
OBJECTS[5:35, 4:15, 6:16] = 1


@pytest.mark.parametrize(("keep", "count"), [(0.1, 4), (0.25, 10), (1.0, 40), (0.001, 1)])
def test_annotated_slices_are_whole_and_the_others_unknown(keep: float, count: int) -> None:
    marked = Slices(keep)(OBJECTS, default_rng(0))
    known = (marked >= 0).all((1, 2))
    assert known.sum() == count
    np.testing.assert_array_equal(marked[known], OBJECTS[known])
    assert (marked[~known] == -1).all()


def test_annotated_slices_are_spread_evenly_from_a_start_by_chance() -> None:
    starts = set()
    for seed in range(20):
        places = np.flatnonzero((Slices(0.1)(OBJECTS, default_rng(seed)) >= 0).all((1, 2)))
        assert set(np.diff(places)) == {10}
        starts.add(int(places[0]))
    assert len(starts) > 5


def test_pictures_have_no_slices() -> None:
    with pytest.raises(SpecError, match="volumes"):
        Slices(0.1)(OBJECTS[0], default_rng(0))


def test_a_volume_is_scribbled_slice_by_slice() -> None:
    marked = Scribble()(OBJECTS, default_rng(0))
    np.testing.assert_array_equal(marked[10], Scribble()(OBJECTS[10], default_rng(0)))
    assert (marked[10] == 1).any()
    assert (marked[10] == 0).any()
    assert (marked == -1).mean() > 0.5
