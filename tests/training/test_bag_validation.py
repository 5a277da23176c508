import numpy as np
import pytest

from inklings.training.bag_validation import cut_at


@pytest.mark.parametrize("name", ["sensitivity", "specificity"])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_threshold_reaches_what_was_asked_and_no_more_than_it_must(
    name: str, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.random(37) < 0.4
    logits = np.round(rng.normal(truth * 1.0, 1.0), 1)  # with ties
    cut = cut_at(logits, truth, {name: share})

    def reached(threshold: float) -> float:
        called = 1 / (1 + np.exp(-logits)) >= threshold
        return float(called[truth].mean() if name == "sensitivity" else (~called[~truth]).mean())

    assert reached(cut) >= share
    # Whatever lies beyond the next bag, on the better side for the other number, misses the share.
    values = np.unique(1 / (1 + np.exp(-logits)))
    beyond = values[values > cut] if name == "sensitivity" else values[values < cut][::-1]
    better = (beyond[:-1] + beyond[1:]) / 2
    assert all(reached(t) < share for t in better)


def test_without_bags_of_that_kind_it_is_one_half_and_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cut_at(np.array([1.0, 2.0]), np.array([True, True]), {"specificity": 0.9}) == 0.5
    assert "no held-out bag to reach a specificity on" in capsys.readouterr().err
