"""Several detectors as one, by hand."""

import pytest

from inklings.detection.candidates import Candidate, Detected
from inklings.detection.ensemble import averaged


def at(x: float, score: float, mm: float = 8.0) -> Candidate:
    return Candidate((0, 0, x), (x, 0.0, 0.0), mm, score)


def test_scores_at_one_place_are_averaged_and_what_one_missed_counts_as_nothing() -> None:
    one = Detected((at(0, 0.9), at(50, 0.4)), 100, (0.7,))
    other = Detected((at(3, 0.5), at(9, 0.6), at(100, 0.2)), 300, (0.1,))
    found = averaged([one, other])
    # 3 mm is within the radius of 4 mm of the surest, 9 mm is not.
    assert [c.point_mm[0] for c in found.candidates] == [0, 9, 50, 100]
    assert [c.score for c in found.candidates] == pytest.approx([0.7, 0.3, 0.2, 0.1])
    assert (found.flagged, found.outside) == (200, (0.7, 0.1))


def test_one_detector_says_what_it_said_and_two_alike_say_the_same() -> None:
    one = Detected((at(0, 0.9), at(2, 0.4), at(30, 0.1)), 7)
    assert averaged([one]) is one
    thrice = averaged([one, one, one])
    assert [c.point_mm for c in thrice.candidates] == [c.point_mm for c in one.candidates]
    assert [c.score for c in thrice.candidates] == pytest.approx([0.9, 0.4, 0.1])
    assert thrice.flagged == 7
