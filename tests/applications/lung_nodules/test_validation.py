from dataclasses import replace

import numpy as np
import pytest

from inklings.applications.lung_nodules.validation import (
    BoxScore,
    best_threshold,
    f1_of_the_best,
    sensitivity_at,
)
from inklings.training.thresholds import NO_COUNTS


def test_threshold_is_where_f1_is_highest() -> None:
    chance = np.array([0.9, 0.8, 0.7, 0.2, 0.1])
    assert best_threshold(chance, np.array([1, 1, 0, 1, 0], bool)) == pytest.approx(0.15)
    assert best_threshold(chance, np.array([1, 1, 0, 0, 0], bool)) == pytest.approx(0.75)
    assert best_threshold(chance, np.zeros(5, bool)) == 0.5


def test_nodules_that_were_never_found_lower_the_threshold() -> None:
    chance, positive = np.array([0.9, 0.8, 0.7, 0.6, 0.5]), np.array([1, 0, 0, 0, 1], bool)
    # F1 of the best one and of all five: 2/3 and 4/7; with seven missed 2/10 and 4/14.
    assert f1_of_the_best(chance, positive)[[0, 4]] == pytest.approx([2 / 3, 4 / 7])
    assert f1_of_the_best(chance, positive, 7)[[0, 4]] == pytest.approx([0.2, 2 / 7])
    assert best_threshold(chance, positive) == pytest.approx(0.85)
    assert best_threshold(chance, positive, missed=7) == pytest.approx(0.25)


def test_sensitivity_counts_what_lies_above_the_allowed_false_positives() -> None:
    chance = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    positive = np.array([1, 0, 1, 0, 1, 1], bool)
    assert sensitivity_at(chance, positive, 0) == 1 / 4
    assert sensitivity_at(chance, positive, 1) == 2 / 4
    assert sensitivity_at(chance, positive, 2) == 1


def test_the_best_weights_go_by_what_was_asked_for() -> None:
    score = BoxScore(0.4, 0.7, 0.9, "f1", NO_COUNTS)
    merits = {by: replace(score, by=by).merit for by in ("f1", "auc", "sensitivity")}
    assert merits == {"f1": 0.4, "auc": 0.7, "sensitivity": 0.9}
    assert score.values == {"val_f1": 0.4, "val_auc": 0.7, "val_sensitivity": 0.9}
