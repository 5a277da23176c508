"""Promises: ranks worked by hand and by scipy, and how often they hold where the truth is known."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from inklings.errors import SpecError
from inklings.evaluation.risk_control import Level, wealth

TENTH, SURE = Fraction("0.1"), Fraction("0.9")
GRID = np.linspace(0, 1, 201)


def test_of_19_patients_the_18th_decides_at_10_percent() -> None:
    """(19 + 1) * 0.9 = 18, neither 17 nor 19."""
    assert Level(TENTH, binary=True).rank(19) == 18


@pytest.mark.parametrize(
    ("n", "alpha", "rank"), [(9, "0.1", 9), (9, "0.7", 3), (19, "0.95", 1), (99, "0.1", 90)]
)
def test_ranks_are_exact_where_floats_are_not(n: int, alpha: str, rank: int) -> None:
    """9 patients at 0.7: 10 * 0.3 = 3, but ``ceil(10 * (1 - 0.7))`` is 4."""
    assert Level(Fraction(alpha), binary=True).rank(n) == rank


def test_eight_patients_promise_nothing_at_10_percent_and_nine_do() -> None:
    assert (Level(TENTH).rank(8), Level(TENTH).rank(9), Level(TENTH).needed) == (None, 9, 9)


def test_twenty_two_patients_are_needed_for_10_percent_at_90_percent_confidence() -> None:
    """0.9^22 = 0.098 <= 0.1 < 0.109 = 0.9^21."""
    level = Level(TENTH, SURE, binary=True)
    assert level.needed == 22
    assert (level.rank(21), level.rank(22)) == (None, 22)


@pytest.mark.parametrize("alpha", ["0.05", "0.1", "0.25"])
@pytest.mark.parametrize("confidence", ["0.8", "0.9", "0.95"])
def test_ranks_with_confidence_are_those_of_the_binomial_of_scipy(
    alpha: str, confidence: str
) -> None:
    level = Level(Fraction(alpha), Fraction(confidence), binary=True)
    for n in (10, 30, 59, 100, 333):
        below = stats.binom.cdf(np.arange(n), n, float(alpha)) <= 1 - float(confidence)
        assert level.rank(n) == (n - int(below.sum()) + 1 if below.any() else None)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("confidence", [None, SURE, Fraction("0.95")])
@pytest.mark.parametrize("alpha", ["0.02", "0.1", "0.3"])
def test_as_many_patients_as_are_needed_are_enough_and_one_less_is_not(
    alpha: str, confidence: Fraction | None, binary: bool
) -> None:
    level = Level(Fraction(alpha), confidence, binary)
    assert level.furthest(np.zeros((level.needed, 3))) == 2
    assert level.furthest(np.zeros((level.needed - 1, 3))) is None


def test_on_average_the_sum_of_losses_may_be_alpha_for_one_more_patient_less_one() -> None:
    """29 patients at 0.1: (29 R + 1) / 30 <= 0.1 allows a sum of 2."""
    losses = np.zeros((29, 3))
    losses[:4, 1] = 0.5
    losses[:5, 2] = 0.5
    assert Level(TENTH).furthest(losses) == 1


def test_what_comes_after_the_first_failure_is_not_looked_at() -> None:
    losses = np.zeros((40, 3))
    losses[:, 1] = 1
    assert Level(TENTH, SURE).furthest(losses) == 0


def test_a_bet_against_losses_of_alpha_wins_nothing() -> None:
    """Each bet multiplies by 1 + nu (alpha - loss): by 1 at alpha, by less above it."""
    losses = np.column_stack([np.full(30, 0.1), np.full(30, 0.4)])
    assert np.allclose(wealth(losses, TENTH, SURE)[0], 1)
    assert wealth(losses, TENTH, SURE)[1] < 1


def needs(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Patients lose 1 at thresholds below what they need, uniform in [0, 1]; safest first."""
    return (rng.random((n, 1)) > 1 - GRID).astype(float)


def shares(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Patients lose ``max(0, u - t)`` at ``t``: its mean is ``(1 - t)^2 / 2``."""
    return np.maximum(0, rng.random((n, 1)) - (1 - GRID))


@pytest.mark.parametrize(
    ("draw", "risk", "binary"), [(needs, GRID, True), (shares, GRID**2 / 2, False)]
)
@pytest.mark.parametrize("n", [40, 150])
def test_promises_of_90_percent_hold_in_90_percent_and_are_not_vacuous(
    draw: Callable[[np.random.Generator, int], NDArray[np.float64]],
    risk: NDArray[np.float64],
    binary: bool,
    n: int,
) -> None:
    rng, level, redraws = np.random.default_rng(n), Level(TENTH, SURE, binary), 400
    chosen = [level.furthest(draw(rng, n)) for _ in range(redraws)]
    risks = np.array([risk[k] for k in chosen if k is not None])
    assert len(risks) == redraws
    held = (risks <= 0.1 + 1e-9).mean()
    assert held >= 0.9 - 2 * math.sqrt(0.09 / redraws)
    assert risks.mean() > (0.02 if n == 40 else 0.055)


@pytest.mark.parametrize(
    ("draw", "risk", "binary"), [(needs, GRID, True), (shares, GRID**2 / 2, False)]
)
def test_promises_on_average_hold_on_average_and_nearly_use_what_they_may(
    draw: Callable[[np.random.Generator, int], NDArray[np.float64]],
    risk: NDArray[np.float64],
    binary: bool,
) -> None:
    rng, level = np.random.default_rng(1), Level(TENTH, None, binary)
    risks = np.array([risk[level.furthest(draw(rng, 39)) or 0] for _ in range(400)])
    error = risks.std() / math.sqrt(len(risks))
    assert 0.07 < risks.mean() <= 0.1 + 2 * error


@pytest.mark.parametrize(("alpha", "confidence"), [("0", None), ("1", None), ("0.1", "1")])
def test_no_promise_is_made_of_nothing_or_of_certainty(alpha: str, confidence: str | None) -> None:
    with pytest.raises(SpecError, match="above 0 and below 1"):
        Level(Fraction(alpha), None if confidence is None else Fraction(confidence))
