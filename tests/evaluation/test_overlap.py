import math
from typing import ClassVar

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    jaccard_score,
    precision_score,
    recall_score,
)

from inklings.evaluation.metric import DEFAULT, Options
from inklings.evaluation.overlap import counts, metrics
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.testing.metrics import MetricContract, squares


class TestOverlap(MetricContract):
    family: ClassVar = staticmethod(metrics)


def pair(predicted: list[int], reference: list[int]) -> Pair:
    return Pair(
        "p", "c", Segmentation.of(np.array([predicted])), Segmentation.of(np.array([reference]))
    )


def value(name: str, pairs: list[Pair], options: Options = DEFAULT) -> float:
    return {metric.name: metric for metric in metrics(options)}[name](pairs)


def test_counts_of_a_hand_worked_case() -> None:
    table = counts(pair([1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0]))
    assert table.tolist() == [[2, 1, 1, 2], [2, 1, 1, 2]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dice", 4 / 6),
        ("iou", 2 / 4),
        ("precision", 2 / 3),
        ("recall", 2 / 3),
        ("specificity", 2 / 3),
        ("miou", (2 / 4 + 2 / 4) / 2),
        ("overall_accuracy", 4 / 6),
        ("mean_class_accuracy", (2 / 3 + 2 / 3) / 2),
        ("frequency_weighted_iou", 3 / 6 * 2 / 4 + 3 / 6 * 2 / 4),
    ],
)
def test_values_of_a_hand_worked_case(name: str, expected: float) -> None:
    assert value(name, [pair([1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0])]) == pytest.approx(expected)


def test_pooled_weighs_samples_and_the_mean_weighs_cases() -> None:
    pairs = [pair([1, 1, 1, 1], [1, 1, 1, 1]), pair([1, 0, 0, 0], [0, 1, 0, 0])]
    assert value("dice", pairs) == pytest.approx((1 + 0) / 2)
    assert value("dice_pooled", pairs) == pytest.approx(2 * 4 / (2 * 4 + 1 + 1))


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scikit_learn(seed: int) -> None:
    said, true = np.random.default_rng(seed).random((2, 30, 20)) < 0.3
    one = [Pair("p", "c", Segmentation.of(said), Segmentation.of(true))]
    y, x = true.ravel(), said.ravel()
    assert value("dice", one) == pytest.approx(f1_score(y, x))
    assert value("iou", one) == pytest.approx(jaccard_score(y, x))
    assert value("precision", one) == pytest.approx(precision_score(y, x))
    assert value("recall", one) == pytest.approx(recall_score(y, x))
    assert value("specificity", one) == pytest.approx(recall_score(~y, ~x))
    assert value("miou", one) == pytest.approx(jaccard_score(y, x, average="macro"))


def test_accuracies_of_three_classes_are_those_of_one_confusion_matrix() -> None:
    # Reference 0000 1122, said 0001 1120: rows of the matrix 3 1 0 | 0 2 0 | 1 0 1.
    true, said = np.array([[0, 0, 0, 0, 1, 1, 2, 2]]), np.array([[0, 0, 0, 1, 1, 1, 2, 0]])
    pairs = [
        Pair("p", str(i), *(Segmentation(np.stack([x == 1, x == 2])) for x in (s, t)))
        for i, (s, t) in enumerate(zip(said.reshape(2, 1, 4), true.reshape(2, 1, 4), strict=True))
    ]
    assert value("overall_accuracy", pairs) == pytest.approx(6 / 8)
    assert value("mean_class_accuracy", pairs) == pytest.approx((3 / 4 + 1 + 1 / 2) / 3)
    ious = 4 / 8 * 3 / 5 + 2 / 8 * 2 / 3 + 2 / 8 * 1 / 2
    assert value("frequency_weighted_iou", pairs) == pytest.approx(ious)


@pytest.mark.parametrize("seed", range(3))
def test_accuracies_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, said = rng.integers(0, 4, (2, 5, 11, 7))
    pairs = [
        Pair("p", str(i), *(Segmentation(np.stack([x == k for k in (1, 2, 3)])) for x in (s, t)))
        for i, (s, t) in enumerate(zip(said, true, strict=True))
    ]
    y, x = true.ravel(), said.ravel()
    assert value("overall_accuracy", pairs) == pytest.approx(accuracy_score(y, x))
    assert value("mean_class_accuracy", pairs) == pytest.approx(balanced_accuracy_score(y, x))
    weighted = jaccard_score(y, x, average="weighted")
    assert value("frequency_weighted_iou", pairs) == pytest.approx(weighted)


def test_something_found_where_nothing_is_scores_zero_and_not_one() -> None:
    # TransUNet issue 39: a public evaluation returns Dice 1 for pred > 0, gt == 0.
    found = [pair([1, 1, 0], [0, 0, 0])]
    for name in ("dice", "iou", "precision", "recall"):
        assert value(name, found) == 0, name
    assert value("specificity", found) == pytest.approx(1 / 3)


def test_nothing_found_where_something_is_scores_zero() -> None:
    for name in ("dice", "iou", "precision", "recall"):
        assert value(name, [pair([0, 0, 0], [1, 0, 0])]) == 0, name


def test_empty_on_both_sides_counts_one_or_is_skipped_as_declared() -> None:
    pairs = [pair([0, 0], [0, 0]), pair([1, 0], [1, 1])]
    assert value("dice", pairs) == pytest.approx((1 + 2 / 3) / 2)
    assert value("dice", pairs, Options(empty="skip")) == pytest.approx(2 / 3)
    assert math.isnan(value("dice", pairs[:1], Options(empty="skip")))


def test_mean_iou_leaves_out_a_class_that_never_occurs() -> None:
    mask = np.zeros((3, 2, 2), bool)
    mask[0, 0] = True
    same = Pair("p", "c", Segmentation(mask), Segmentation(mask))
    assert counts(same).shape == (4, 4)
    assert value("miou", [same]) == 1


def test_unknown_samples_are_not_scored() -> None:
    said, true = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 0, 0]])
    known = np.array([[True, False, True, True]])
    one = Pair("p", "c", Segmentation.of(said), Segmentation.of(true), known=known)
    assert counts(one)[0].tolist() == [1, 0, 0, 2]


def test_a_shift_of_two_samples_has_the_dice_that_geometry_says() -> None:
    assert value("dice", [squares(2)]) == pytest.approx(6 / 8)
