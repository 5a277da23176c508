import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from inklings.evaluation.intervals import (
    Bootstrap,
    around,
    holm,
    paired,
    size_of_kinds,
    skewness,
    standard_error,
    sum_by_patient,
)
from inklings.evaluation.metric import SHARE, SIZE, Span, mean_of_cases
from inklings.evaluation.ranking import auc

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
METRIC = mean_of_cases("m", "M", lambda _: 0.0)


def cases(values: np.ndarray) -> np.ndarray:
    return np.stack([values, np.ones_like(values)], axis=1)


def test_interval_of_a_mean_has_the_width_that_theory_says() -> None:
    values = np.random.default_rng(1).normal(0.8, 0.1, 400)
    bootstrap = Bootstrap(2000)
    drawn = METRIC.summarise(bootstrap.weights(400) @ cases(values))
    low, high = bootstrap.interval(float(values.mean()), drawn, values, (-np.inf, np.inf))
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.002)


def test_same_seed_same_interval_and_other_seed_another() -> None:
    assert np.array_equal(Bootstrap(50, 3).weights(9), Bootstrap(50, 3).weights(9))
    assert not np.array_equal(Bootstrap(50, 3).weights(9), Bootstrap(50, 4).weights(9))


def test_every_resample_draws_as_many_patients_as_there_are() -> None:
    assert set(Bootstrap(100).weights(17).sum(axis=1)) == {17.0}


def test_counts_are_those_of_independent_draws() -> None:
    weights = Bootstrap(20_000).weights(30)  # several blocks
    assert weights.mean(0) == pytest.approx(1, abs=0.04)
    assert weights.var(0) == pytest.approx(1 - 1 / 30, abs=0.06)
    assert np.corrcoef(weights[:, :2].T)[0, 1] == pytest.approx(-1 / 29, abs=0.03)
    assert np.mean(weights == 0) == pytest.approx((1 - 1 / 30) ** 30, abs=0.005)
    assert not np.array_equal(weights[0], weights[2**17 // 30])


def mean_interval(values: np.ndarray, span: Span = SHARE) -> tuple[float, float]:
    bootstrap = Bootstrap(4000)
    drawn = METRIC.summarise(bootstrap.weights(len(values)) @ cases(values))
    return bootstrap.interval(float(values.mean()), drawn, values, span)


def test_interval_of_a_mean_without_bounds_is_the_t_interval_of_scipy() -> None:
    values = np.random.default_rng(2).exponential(1.0, 12)
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    assert mean_interval(values, (-np.inf, np.inf)) == pytest.approx((low, high), abs=0.03)


@pytest.mark.parametrize("patients", [2, 4, 8, 30, 58])
def test_a_share_of_patients_has_the_exact_interval_of_scipy(patients: int) -> None:
    for hits in (0, 1, patients // 2, patients):
        values = (np.arange(patients) < hits).astype(float)
        exact = stats.binomtest(hits, patients).proportion_ci(0.95, "exact")
        assert mean_interval(values) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_no_interval_has_no_width_and_none_leaves_its_bounds() -> None:
    """Where all patients agree the percentile bootstrap said 1.000 [1.000, 1.000]."""
    rng = np.random.default_rng(0)
    for patients in (2, 4, 9, 60):
        for values in (np.ones(patients), np.zeros(patients), rng.beta(50, 1, patients)):
            low, high = mean_interval(values)
            assert 0 <= low <= values.mean() <= high <= 1
            assert high - low > 0.003


def test_an_area_of_one_is_as_sure_as_its_patients() -> None:
    """Hanley and McNeil's variance near 1: 29 x 29 / 15 answers; 3 of 58 are far fewer."""
    assert size_of_kinds(29, 29) == pytest.approx(29 * 29 / 15)
    lows = []
    for positive in (29, 3):
        truth = np.arange(58) < positive
        drawn = auc(truth + 0.0, truth, Bootstrap(500).weights(58))
        kinds = (positive, 58 - positive)
        low, high = Bootstrap(500).interval(1.0, drawn, np.full(58, np.nan), kinds=kinds)
        expected = stats.beta.ppf(0.025, size_of_kinds(*kinds) + 0.5, 0.5)
        assert (low, high) == pytest.approx((expected, 1.0))
        lows.append(low)
    assert lows[1] < 0.81 < 0.95 < lows[0]


def test_error_of_an_area_is_that_of_delong_worked_by_hand() -> None:
    """Positives 2, 4, 5 against 1, 3: placements 1/2, 1, 1 and 1, 2/3; 40 patients of each.

    Their variances are 1/18 and 1/36, so that of the area is (1/18) / 120 + (1/36) / 80.
    """
    score = np.repeat([2.0, 4.0, 5.0, 1.0, 3.0], 40)
    truth = np.repeat([True, True, True, False, False], 40)
    drawn = auc(score, truth, Bootstrap(4000).weights(200))
    assert float(standard_error(drawn, 200)) ** 2 == pytest.approx(
        (1 / 18) / 120 + (1 / 36) / 80, rel=0.1
    )


@pytest.mark.parametrize("patients", [8, 20, 100])
@pytest.mark.parametrize(
    ("draw", "truth", "span"),
    [
        (lambda r, s: r.beta(18, 2, s), 0.9, SHARE),
        (lambda r, s: r.beta(50, 1, s), 50 / 51, SHARE),
        (lambda r, s: r.beta(18, 2, s) * (r.random(s) > 0.3), 0.63, SHARE),
        (lambda r, s: r.gamma(4, 1, s), 4.0, SIZE),
        (lambda r, s: r.lognormal(0, 1, s), math.exp(0.5), SIZE),
    ],
)
def test_nineteen_of_twenty_intervals_hold_the_truth(
    draw: Draw, truth: float, span: Span, patients: int
) -> None:
    """600 studies of a known truth; percentiles hold 83 to 87 % at 8 patients."""
    values = draw(np.random.default_rng(patients), (600, patients))
    drawn = Bootstrap(300).weights(patients) @ values.T / patients
    error, skew = standard_error(drawn, patients), skewness(drawn, patients)
    low, high = around(values.mean(1), error, patients, span, skew=skew)
    held = np.mean((low <= truth) & (truth <= high))
    error = 3 * math.sqrt(0.95 * 0.05 / 600)
    assert 0.92 - error / 3 <= held <= 0.98 + error / 3


def test_holm_of_a_hand_worked_case_leaves_out_what_was_not_tested() -> None:
    found = holm([0.01, 0.04, math.nan, 0.03, 0.005])
    assert found == pytest.approx([0.03, 0.06, math.nan, 0.06, 0.02], nan_ok=True)


@pytest.mark.parametrize("patients", [2, 3, 5, 6, 8, 40])
def test_interval_and_p_of_a_comparison_never_disagree(patients: int) -> None:
    rng = np.random.default_rng(patients)
    for shift in np.linspace(0, 0.3, 30):
        base = rng.beta(9, 1, patients)
        found = paired(
            METRIC, cases(base), cases(base - shift + rng.normal(0, 0.05, patients)), Bootstrap(99)
        )
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
        assert found.p >= 2.0 ** (1 - patients) * (1 - 1e-9)


def test_images_of_one_patient_are_drawn_together() -> None:
    # Ten patients with ten identical images: as uncertain as ten images, not as a hundred.
    values = np.repeat(np.linspace(0, 1, 10), 10)
    names = np.repeat([f"p{i}" for i in range(10)], 10).tolist()
    sums = sum_by_patient(cases(values), names)
    bootstrap = Bootstrap(2000)
    drawn, alone = METRIC.summarise(bootstrap.weights(10) @ sums), METRIC.summarise(sums)
    low, high = bootstrap.interval(0.5, drawn, alone, (-np.inf, np.inf))
    t = stats.t.isf(0.025, 9)
    assert high - low == pytest.approx(2 * t * values.std() / math.sqrt(9), rel=0.1)


def test_sums_by_patient_of_a_hand_worked_case() -> None:
    sums = sum_by_patient(np.array([[1.0], [2.0], [4.0]]), ["b", "a", "b"])
    assert sums.tolist() == [[2.0], [5.0]]


def test_interval_of_mostly_undefined_values_is_undefined() -> None:
    drawn = np.array([np.nan, np.nan, np.nan, 1.0])
    assert np.isnan(Bootstrap().interval(1.0, drawn, np.ones(4), SIZE)).all()
    one = np.array([1.0, np.nan])
    assert np.isnan(Bootstrap().interval(1.0, np.ones(9), one)).all()  # of one patient


def test_a_constant_improvement_is_significant_and_noise_is_not() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(0.8, 0.1, 60)
    better = paired(METRIC, cases(base + 0.02 + rng.normal(0, 0.01, 60)), cases(base), Bootstrap())
    assert better.value == pytest.approx(0.02, abs=0.005)
    assert better.low > 0.01
    assert better.p < 0.001
    noise = paired(METRIC, cases(base + rng.normal(0, 0.05, 60)), cases(base), Bootstrap())
    assert noise.low < 0 < noise.high
    assert noise.p > 0.05


def test_p_value_is_uniform_when_runs_are_exchangeable() -> None:
    rng = np.random.default_rng(5)
    ps = []
    for _ in range(200):
        one, other = rng.normal(0.8, 0.1, (2, 25))
        ps.append(paired(METRIC, cases(one), cases(other), Bootstrap(200)).p)
    assert np.mean(np.array(ps) < 0.1) == pytest.approx(0.1, abs=0.06)
    assert np.mean(ps) == pytest.approx(0.5, abs=0.07)


def test_a_run_compared_with_itself_does_not_differ() -> None:
    same = cases(np.linspace(0, 1, 8))
    difference = paired(METRIC, same, same, Bootstrap(100))
    assert (difference.value, difference.low, difference.high, difference.p) == (0, 0, 0, 1)


def test_an_error_far_larger_than_what_is_left_gives_an_open_end_without_a_warning() -> None:
    with np.errstate(all="raise", under="ignore"):
        low, high = around(0.999, 10.0, 3, (-np.inf, 1.0))
    assert low == -np.inf
    assert 0.999 <= high <= 1
