import numpy as np
import pytest

from inklings.benchmark.label_cell import _threshold


def test_tuned_threshold_is_the_one_with_the_best_dice_on_the_weak_labels() -> None:
    # Two of four positives are labelled; those score .3, all others .1: any cut between parts them.
    scores = [np.array([[0.3, 0.3, 0.1, 0.1]], np.float32)]
    labelled = [np.array([[True, True, False, False]])]
    assert 0.1 < _threshold("dice", scores, labelled, prior=1.0) <= 0.3
    assert _threshold("half", scores, labelled, prior=1.0) == 0.5


def test_threshold_by_the_prior_looks_at_the_share_and_not_at_the_labels_alone() -> None:
    scores = [np.array([[0.32, 0.28, 0.16, 0.01]], np.float32)]
    labelled = [np.array([[True, False, False, False]])]
    cut = _threshold("prior", scores, labelled, prior=0.75)
    assert (scores[0] >= cut).sum() == pytest.approx(3)
