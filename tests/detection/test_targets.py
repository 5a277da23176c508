import numpy as np
import pytest

from inklings.detection.targets import Truth, targets, to_input, to_output
from inklings.spec.detection import Detection


def test_centre_offset_and_size_can_be_read_back() -> None:
    place = (20.3, 15.0, 25.6)
    value, known = targets([Truth(place, 12.0)], Detection(side=48))
    peak = np.unravel_index(value[0].argmax(), value[0].shape)
    assert value[0][peak] == 1
    assert known[0][peak]
    back = to_input(np.array(peak) + value[1:4][(slice(None), *peak)], 2)
    assert back == pytest.approx(np.array(place), abs=1e-4)
    assert 8 * np.exp(value[4][peak]) == pytest.approx(12, rel=1e-5)


def test_an_object_outside_of_the_crop_leaves_it_empty() -> None:
    value, known = targets([Truth((200.0, 10.0, 10.0), 8.0)], Detection(side=32))
    assert not value.any()
    assert not known.any()


def test_every_object_has_a_peak_of_its_own() -> None:
    pair = [Truth((12.0, 12.0, 12.0), 5.0), Truth((12.0, 12.0, 30.0), 20.0)]
    value, _ = targets(pair, Detection(side=48))
    assert (value[0] == 1).sum() == 2


def test_grids_of_input_and_output_lie_on_one_another() -> None:
    # Output sample 0 is the middle of input samples 0 and 1.
    assert to_input(np.array([0.0]), 2) == 0.5
    assert to_output(np.array([0.5]), 2) == 0.0
