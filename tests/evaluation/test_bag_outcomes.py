"""Metrics of numbers, against values worked by hand."""

import numpy as np
import pytest

from inklings.evaluation.bag_outcomes import Numbers, OutcomeTask, pearson, spearman

TRUTH = np.array([1.0, 2.0, 3.0, 6.0])
SAID = np.array([2.0, 2.0, 2.0, 4.0])
ONE = np.ones((1, 4))


def test_errors_and_correlations_of_values() -> None:
    answers = Numbers(("age",), SAID[:, None], TRUTH[:, None], np.full(4, 4.0))
    found = {m.name: float(m.value(answers, ONE)[0]) for m in OutcomeTask("regression").metrics(
        ("age",)
    )}  # fmt: skip
    assert found["mae"] == pytest.approx((1 + 0 + 1 + 2) / 4)
    assert found["rmse"] == pytest.approx(np.sqrt(6 / 4))
    assert found["r2"] == pytest.approx(1 - 6 / 14)
    assert found["pearson"] == pytest.approx(np.corrcoef(SAID, TRUTH)[0, 1])
    # Ranks 2, 2, 2, 4 against 1, 2, 3, 4.
    assert found["spearman"] == pytest.approx(np.corrcoef([2, 2, 2, 4], [1, 2, 3, 4])[0, 1])
    assert found["mae_of_mean"] == pytest.approx((3 + 2 + 1 + 2) / 4)


def test_a_case_drawn_twice_is_two_cases() -> None:
    weights = np.array([[2.0, 1.0, 1.0, 0.0]])
    one, other = np.array([1.0, 5.0, 2.0, 9.0]), np.array([3.0, 1.0, 4.0, 0.0])
    rows = [0, 0, 1, 2]
    for metric in (pearson, spearman):
        drawn = metric(one, other, weights)[0]
        assert drawn == pytest.approx(metric(one[rows], other[rows], ONE)[0])
    assert np.isnan(pearson(np.full(4, 0.1), other, ONE)[0])


def test_concordance_of_hazards_and_the_line_of_a_case() -> None:
    truth = np.array([[1.0, 1], [2, 0], [3, 1]])
    answers = Numbers(
        ("log hazard", "os > 2"),
        np.array([[2.0, 0.1], [1, 0.5], [3, 0.9]]),
        truth,
        np.full(3, np.nan),
    )
    harrell, _ = OutcomeTask("survival").metrics(("os",))
    assert harrell.value(answers, np.ones((1, 3)))[0] == pytest.approx(0.5)
    assert answers.line(0) == {"log hazard": 2.0, "os > 2": 0.1, "time": 1.0, "event": 1.0}
