"""Probabilities of instances from labels of bags."""

import numpy as np
import pytest
from scipy.special import expit

from inklings.bags.calibration import instance_scale


def drawn(slope: float, offset: float, bags: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Logits whose probabilities are ``sigmoid(slope l + offset)``, and labels of bags."""
    rng = np.random.default_rng(0)
    logits = [rng.normal(0, 1.5, int(rng.integers(3, 9))) for _ in range(bags)]
    labels = np.array([(rng.random(len(x)) < expit(slope * x + offset)).any() for x in logits])
    return logits, labels


@pytest.mark.parametrize(("slope", "offset"), [(1.0, -2.0), (3.0, -4.0), (0.4, -3.0)])
def test_slope_and_offset_are_found_from_bag_labels_alone(slope: float, offset: float) -> None:
    found = instance_scale(*drawn(slope, offset, 4000))
    assert found == pytest.approx((slope, offset), rel=0.12)


def test_bags_that_are_told_apart_without_error_do_not_ask_for_certainty() -> None:
    logits = [np.array([-1.0, -1.0])] * 20 + [np.array([1.0, -1.0])] * 20
    slope, offset = instance_scale(logits, np.arange(40) >= 20)
    assert 0.9 < expit(slope + offset) < 0.999
    assert expit(-slope + offset) < 0.05


def test_a_handful_of_bags_changes_nothing() -> None:
    logits = [np.array([0.0]), np.array([3.0])] * 4
    assert instance_scale(logits, np.array([False, True] * 4)) == (1.0, 0.0)
