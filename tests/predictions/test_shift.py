"""Patients who are like those of a calibration, and others."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.guarantee import Guarantee, of_head, with_promises
from inklings.predictions.head import Head, Provenance
from inklings.predictions.shift import certainty_of, certainty_of_levels, shift, two_sample

HEAD = Head(("a",), (0.5,), Provenance("run", "w", None, "0"))
RNG = np.random.default_rng(0)


def folder(path: Path, beta: tuple[float, float], count: int) -> PredictionFolder:
    for k in range(count):
        p = np.random.default_rng([count, k]).beta(*beta, (1, 24, 24))
        DensePrediction(f"c{k}", Path("x"), np.rint(255 * p).astype(np.uint8)).write(path)
    known = [
        certainty_of_levels(
            np.bincount(np.rint(255 * RNG.beta(1, 3, 576)).astype(int), minlength=256)
        )
        for _ in range(30)
    ]
    one = Guarantee(
        "fnr", "dense", "a", 0.1, 0.9, 0.2, ("z",), None, 0.05, 0.2, 0.1, tuple(known), "c",
        "val", None, "w", "", "0",
    )  # fmt: skip
    with_promises(HEAD, [one]).write(path)
    return PredictionFolder.open(path)


@pytest.mark.parametrize("count", [5, 30])
def test_other_images_void_a_promise_and_like_ones_do_not(tmp_path: Path, count: int) -> None:
    patients = {f"c{k}": f"p{k}" for k in range(count)}
    assert shift(folder(tmp_path / "like", (1, 3), count), patients) == ()
    (said,) = shift(folder(tmp_path / "other", (2, 3), count), patients)
    assert said.startswith(f"the promise about a is void: these {count} patients are unlike the 30")


def test_a_patient_of_many_images_counts_once(tmp_path: Path) -> None:
    there = folder(tmp_path, (2, 3), 30)
    (said,) = shift(there, {f"c{k}": "p" for k in range(30)})
    assert said.startswith("1 new patients are too few to say")


def test_patients_of_the_calibration_are_not_new(tmp_path: Path) -> None:
    assert shift(folder(tmp_path, (2, 3), 3), dict.fromkeys(("c0", "c1", "c2"), "z")) == ()


def test_promises_of_one_class_that_rest_on_different_cases_are_each_compared(
    tmp_path: Path,
) -> None:
    there = folder(tmp_path, (1, 3), 30)
    (like,) = of_head(there.head)
    unlike = replace(like, risk="missed", certainty=tuple(one + 0.2 for one in like.certainty))
    patients = {f"c{k}": f"p{k}" for k in range(30)}
    for promises in ([like, unlike], [unlike, like]):
        with_promises(HEAD, promises).write(tmp_path)
        (said,) = shift(PredictionFolder.open(tmp_path), patients)
        assert said.startswith("the promise about a is void")
    with_promises(HEAD, [like, replace(like, risk="missed")]).write(tmp_path)
    assert shift(PredictionFolder.open(tmp_path), patients) == ()


def test_certainty_of_a_file_is_that_of_its_probabilities(tmp_path: Path) -> None:
    there = folder(tmp_path, (1, 1), 1)
    p = DensePrediction.read(tmp_path, "c0").dense.astype(float)
    assert certainty_of(there, "c0", "a") == pytest.approx((p**2).sum() / p.sum() / 255)


@pytest.mark.parametrize(("n", "m"), [(20, 4), (30, 2), (22, 22)])
def test_the_test_is_that_of_scipy_and_says_nothing_where_it_cannot(n: int, m: int) -> None:
    one, other = RNG.random(n), RNG.random(m) + 2
    least = 2 / math.comb(n + m, m)
    assert two_sample(list(one), list(other), 0.01) == pytest.approx(least)
    assert stats.ks_2samp(one, other).pvalue == pytest.approx(least)
    assert two_sample(list(one), list(other), least / 2) is None


def test_like_patients_are_warned_of_one_time_in_a_hundred() -> None:
    alarms = sum(
        (two_sample(list(RNG.random(25)), list(RNG.random(12)), 0.01) or 1) < 0.01
        for _ in range(600)
    )
    assert alarms <= 15  # 6 are expected
