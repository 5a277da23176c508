import math

import numpy as np
import pytest
from scipy import stats

from inklings.evaluation.intervals import Bootstrap, paired, sum_by_patient
from inklings.evaluation.metric import mean_of_cases

METRIC = mean_of_cases("m", "M", lambda _: 0.0)


def cases(values: np.ndarray) -> np.ndarray:
    return np.stack([values, np.ones_like(values)], axis=1)


def test_interval_of_a_mean_has_the_width_that_theory_says() -> None:
    values = np.random.default_rng(1).normal(0.8, 0.1, 400)
    bootstrap = Bootstrap(2000)
    low, high = bootstrap.interval(METRIC.summarise(bootstrap.weights(400) @ cases(values)))
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


def test_interval_of_a_mean_is_that_of_scipy() -> None:
    values = np.random.default_rng(2).exponential(1.0, 200)
    drawn = METRIC.summarise(Bootstrap(10_000).weights(200) @ cases(values))
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=10_000, method="percentile", rng=0
    ).confidence_interval
    assert Bootstrap().interval(drawn) == pytest.approx(tuple(theirs), abs=0.01)


def test_images_of_one_patient_are_drawn_together() -> None:
    # Ten patients with ten identical images: as uncertain as ten images, not as a hundred.
    values = np.repeat(np.linspace(0, 1, 10), 10)
    names = np.repeat([f"p{i}" for i in range(10)], 10).tolist()
    sums = sum_by_patient(cases(values), names)
    bootstrap = Bootstrap(2000)
    low, high = bootstrap.interval(METRIC.summarise(bootstrap.weights(10) @ sums))
    assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(10), rel=0.1)


def test_sums_by_patient_of_a_hand_worked_case() -> None:
    sums = sum_by_patient(np.array([[1.0], [2.0], [4.0]]), ["b", "a", "b"])
    assert sums.tolist() == [[2.0], [5.0]]


def test_interval_of_mostly_undefined_values_is_undefined() -> None:
    assert np.isnan(Bootstrap().interval(np.array([np.nan, np.nan, np.nan, 1.0]))).all()


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
