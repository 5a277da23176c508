import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from inklings.calibration.evidence import Choice, HeldOut, Question, of_maps
from inklings.calibration.fitting import LEAST, Fitted, fit
from inklings.calibration.maps import METHODS, Map

Array = NDArray[np.float64]


def drawn(
    wrong: Map, patients: int = 12, each: int = 3000, seed: int = 0
) -> tuple[Question, tuple[str, ...]]:
    """Truth drawn from its probability, of which a network says what ``wrong`` makes right."""
    rng = np.random.default_rng(seed)
    said = rng.normal(-0.5, 2.0, patients * each)
    truth = (rng.random(said.size) < expit(wrong.logit(said))).astype(np.float64)
    case = np.repeat(np.arange(patients), each)
    return Question(said, truth, 1 - truth, case), tuple(f"p{i}" for i in range(patients))


def fitted(asked: Question, cases: tuple[str, ...]) -> Fitted:
    (found,) = fit(HeldOut(("gland",), (asked,), cases), {case: case for case in cases})
    return found


def test_a_temperature_of_three_is_found() -> None:
    found = fitted(*drawn(Map("temperature", 1 / 3, 1 / 3)))
    assert found.change.method == "temperature"
    assert 1 / found.change.a == pytest.approx(3, rel=0.05)
    assert found.before is not None
    assert found.after is not None
    assert found.before.ece.value > 0.1
    assert found.after.ece.value < 0.01


def test_a_shift_is_found() -> None:
    """Beta maps hold those that shift, so either may be the better by a hair."""
    truth = Map("scale and shift", 0.8, 0.8, -1.5)
    found = fitted(*drawn(truth))
    assert found.change.method in ("scale and shift", "beta")
    p = np.linspace(0.02, 0.98, 49)
    assert found.change(p) == pytest.approx(truth(p), abs=0.02)


def test_a_beta_map_is_found() -> None:
    found = fitted(*drawn(Map("beta", 0.4, 1.2, 0.5), each=6000))
    assert found.change.method == "beta"
    assert (found.change.a, found.change.b, found.change.c) == pytest.approx(
        (0.4, 1.2, 0.5), abs=0.1
    )


@pytest.mark.parametrize("seed", range(4))
def test_what_is_calibrated_stays_within_two_thousandths(seed: int) -> None:
    found = fitted(*drawn(Map(), seed=seed))
    assert found.before is not None
    assert found.after is not None
    assert found.after.ece.value <= found.before.ece.value + 0.002
    assert found.after.log_loss.value <= found.before.log_loss.value


@pytest.mark.parametrize("seed", range(20))
def test_few_calibrated_patients_are_not_made_worse(seed: int) -> None:
    """Patients differ from one another, so that of six any map could look better by chance."""
    rng = np.random.default_rng(seed)
    said = rng.normal(0, 2, (6, 500))
    own = rng.normal(0, 0.5, (6, 1))
    truth = (rng.random(said.shape) < expit(said + own)).astype(np.float64).ravel()
    case = np.repeat(np.arange(6), 500)
    found = fitted(Question(said.ravel(), truth, 1 - truth, case), tuple("abcdef"))
    new = np.linspace(-4, 4, 400)
    chance = expit(new[:, None] + rng.normal(0, 0.5, 2000)).mean(1)
    change = expit(found.change.logit(new))
    assert np.abs(change - chance).mean() < 0.1


def test_scale_and_shift_are_those_of_scikit_learn() -> None:
    asked, _ = drawn(Map("scale and shift", 0.5, 0.5, 1.0), each=1000)
    found = asked.fit(np.ones(asked.logit.size, bool), "scale and shift")
    other = LogisticRegression(C=np.inf, tol=1e-8).fit(asked.logit[:, None], asked.positive)
    assert (found.a, found.c) == pytest.approx(
        (float(other.coef_[0, 0]), float(other.intercept_[0])), abs=2e-3
    )


def test_the_beta_map_has_the_lowest_log_loss_that_scipy_finds() -> None:
    asked, _ = drawn(Map("beta", 0.4, 1.2, 0.5), each=500)
    p = expit(asked.logit)

    def loss(at: Array) -> float:
        q = expit(np.exp(at[0]) * np.log(p) - np.exp(at[1]) * np.log1p(-p) + at[2])
        return float(-np.log(np.where(asked.positive > 0, q, 1 - q)).mean())

    found = asked.fit(np.ones(p.size, bool), "beta")
    best = minimize(loss, np.zeros(3), method="Nelder-Mead", options={"maxiter": 4000})
    assert loss(np.array([np.log(found.a), np.log(found.b), found.c])) <= best.fun + 1e-5


def test_levels_of_maps_are_counted_as_samples() -> None:
    rng = np.random.default_rng(0)
    level = rng.integers(0, 256, (6, 1, 4000))
    truth = rng.random(level.shape) < expit((np.log(level + 0.5) - np.log(255.5 - level)) / 2)
    counted = np.zeros((6, 1, 2, 256), np.int64)
    for i in range(6):
        for row, chosen in enumerate((truth[i, 0], ~truth[i, 0])):
            at = np.bincount(level[i, 0][chosen], minlength=256)
            counted[i, 0, row] = at[::-1].cumsum()[::-1]
    held_out = of_maps(("gland",), tuple("aabbcc"), counted, {})
    assert held_out.cases == ("a", "b", "c")
    (asked,) = held_out.asked
    yes, no = asked.shown()
    assert yes.sum() == truth.sum()
    assert yes.sum() + no.sum() == truth.size
    found = asked.fit(np.ones(yes.size, bool), "temperature")
    assert 1 / found.a == pytest.approx(2, rel=0.05)


def test_too_few_patients_are_refused_in_words() -> None:
    asked, cases = drawn(Map("temperature", 0.2, 0.2), patients=LEAST - 1)
    found = fitted(asked, cases)
    assert found.change == Map()
    assert f"expected {LEAST} held-out patients or more" in found.reason
    assert found.before is None


def test_tiles_of_one_patient_are_one_patient() -> None:
    asked, cases = drawn(Map("temperature", 0.2, 0.2), patients=20)
    (found,) = fit(HeldOut(("gland",), (asked,), cases), dict.fromkeys(cases, "one"))
    assert found.change == Map()
    assert "got 1," in found.reason


def test_what_nobody_shows_is_refused_in_words() -> None:
    asked, cases = drawn(Map("temperature", 0.2, 0.2))
    none = Question(asked.logit, 0 * asked.positive, asked.positive + asked.negative, asked.case)
    assert "got 12, 0 and 12" in fitted(none, cases).reason


def test_labels_that_are_no_evidence_are_refused_with_their_reason() -> None:
    asked, cases = drawn(Map("temperature", 0.2, 0.2))
    held_out = HeldOut(("a", "b"), (asked, asked), cases, {"a": "it was drawn in strokes"})
    first, second = fit(held_out, {case: case for case in cases})
    assert (first.change, first.reason) == (Map(), "not calibrated: it was drawn in strokes")
    assert second.change.method == "temperature"


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_choice_has_one_temperature_and_keeps_its_answer(exclusive: bool) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (600, 3))
    if exclusive:
        chance = softmax(logits, 1)
        truth = np.eye(3)[[rng.choice(3, p=p) for p in chance]]
    else:
        truth = (rng.random(logits.shape) < expit(logits)).astype(float)
    cases = tuple(f"b{i}" for i in range(600))
    asked = Choice(2.5 * logits, truth, exclusive, np.arange(600))
    found = fit(HeldOut(("x", "y", "z"), (asked,), cases), {case: case for case in cases})
    assert [one.name for one in found] == ["x", "y", "z"]
    assert len({one.change for one in found}) == 1
    assert 1 / found[0].change.a == pytest.approx(2.5, rel=0.15)
    assert METHODS.index(found[0].change.method) == 1


def test_bags_that_are_told_apart_without_error_do_not_ask_for_certainty() -> None:
    logit = np.array([-3.0, -2, -1, -2, -4, 1, 2, 3, 2, 4])
    truth = (logit > 0).astype(float)
    found = Question(logit, truth, 1 - truth, np.arange(10)).fit(np.ones(10, bool), "temperature")
    assert expit(found.logit(np.array([2.0])))[0] < 0.97
