import numpy as np
import pytest

from inklings.errors import LabelError
from inklings.supervision.prior import estimate_prior, mixture_share, threshold_at


@pytest.mark.parametrize("share", [0.1, 0.14, 0.4, 0.8])
def test_share_of_positives_in_a_mixture_is_found_within_8_percent(share: float) -> None:
    rng = np.random.default_rng(0)
    positive = rng.normal(3, 1, 50_000)
    truth = rng.random(100_000) < share
    mixture = np.where(truth, rng.normal(3, 1, truth.size), rng.normal(0, 1, truth.size))
    assert mixture_share(positive, mixture) == pytest.approx(share, rel=0.08)


def test_hand_worked_mixture_without_overlap() -> None:
    # Positives score 1, negatives 0, and a quarter of the mixture is positive.
    assert mixture_share(np.ones(1000), np.repeat([1.0, 0.0, 0.0, 0.0], 1000)) == 0.25


def mixed(share: float, side: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scores of an image of which a share is positive, and the labelled half of the positives."""
    truth = rng.random((side, side)) < share
    scores = np.where(truth, rng.normal(4, 1, truth.shape), rng.normal(0, 1, truth.shape))
    return scores, truth & (rng.random(truth.shape) < 0.5)


def test_images_count_alike_whatever_their_size_and_however_few_objects_they_show() -> None:
    rng = np.random.default_rng(0)
    shares = (0.01, 0.02, 0.5, 0.6)
    images = [mixed(*pair, rng) for pair in zip(shares, (400, 200, 100, 100), strict=True)]
    prior = estimate_prior(*zip(*images, strict=True))
    assert prior.value == pytest.approx(np.mean(shares), rel=0.08)
    assert prior.labelled == pytest.approx(np.mean(shares) / 2, rel=0.1)


def test_one_large_image_of_false_alarms_does_not_decide_the_prior_of_forty_small_ones() -> None:
    rng = np.random.default_rng(0)
    images = [mixed(0.14, 60, rng) for _ in range(40)]
    large = rng.normal(4, 1, (600, 600))
    images.append((large, np.zeros(large.shape, np.bool_)))
    value = estimate_prior(*zip(*images, strict=True)).value
    assert value == pytest.approx(40 / 41 * 0.14 + 1 / 41, rel=0.08)


@pytest.mark.parametrize("kept", [0.5, 0.25, 0.1])
def test_what_was_left_out_at_random_is_counted_again(kept: float) -> None:
    rng = np.random.default_rng(1)
    truth = rng.random((40, 100, 100)) < 0.14
    scores = np.where(truth, rng.beta(8, 3, truth.shape), rng.beta(2, 9, truth.shape))
    labelled = truth & (rng.random(truth.shape) < kept)
    prior = estimate_prior(list(scores), list(labelled))
    assert prior.value == pytest.approx(0.14, rel=0.08)
    assert prior.low <= prior.value <= prior.high


def omitted(kept: float) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Posteriors of labels of which a share was kept, the labels, and the truth."""
    rng = np.random.default_rng(2)
    truth = rng.random((20, 60, 60)) < 0.2
    posterior = np.where(truth, rng.beta(9, 1.5, truth.shape), rng.beta(1.5, 9, truth.shape))
    labelled = truth & (rng.random(truth.shape) < kept)
    return list(kept * posterior), list(labelled), truth


@pytest.mark.parametrize("kept", [1.0, 0.5, 0.25, 0.1])
def test_threshold_leaves_the_prior_above_it_however_much_was_left_out(kept: float) -> None:
    scores, labelled, truth = omitted(kept)
    cut = threshold_at(scores, labelled, 0.2)
    assert np.mean(np.stack(scores) >= cut) == pytest.approx(truth.mean(), rel=0.05)
    assert cut == pytest.approx(0.5 * kept, rel=0.25)


def test_a_wrong_prior_cannot_move_the_threshold_far_from_where_bayes_cuts() -> None:
    scores, labelled, _ = omitted(0.25)
    low, high = (threshold_at(scores, labelled, prior) for prior in (0.6, 0.02))
    reached = np.quantile(
        np.concatenate([s[m] for s, m in zip(scores, labelled, strict=True)]), 0.9
    )
    assert low == pytest.approx(0.4 * reached)
    assert high == pytest.approx(0.6 * reached)


def test_no_positive_is_an_error_that_says_so() -> None:
    with pytest.raises(LabelError, match="got 0 and 3"):
        mixture_share([], [0.1, 0.2, 0.3])
    scores = [np.full((4, 4), 0.3), np.full((5, 5), 0.2)]
    with pytest.raises(
        LabelError, match="labelled positives in the held-out images, got none in 2"
    ):
        estimate_prior(scores, [np.zeros(s.shape, np.bool_) for s in scores])
