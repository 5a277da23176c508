import time
from typing import ClassVar

import numpy as np
import pytest

from inklings.evaluation.instances import THRESHOLDS, match, metrics
from inklings.evaluation.metric import DEFAULT, Options
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.testing.metrics import MetricContract


class TestInstances(MetricContract):
    family: ClassVar = staticmethod(metrics)


def pair(predicted: np.ndarray, reference: np.ndarray) -> Pair:
    return Pair(
        "p",
        "c",
        Segmentation.of(predicted > 0, predicted),
        Segmentation.of(reference > 0, reference),
    )


def value(name: str, pairs: list[Pair], options: Options = DEFAULT) -> float:
    return {metric.name: metric for metric in metrics(options)}[name](pairs)


def row(*runs: tuple[int, int]) -> np.ndarray:
    """``(number, length)`` pairs to one row of samples."""
    return np.concatenate([np.full(length, number) for number, length in runs])[None]


def slow_average_precision(predicted: np.ndarray, reference: np.ndarray) -> float:
    """The competition's definition, object by object."""
    scores = []
    ious = [
        [((predicted == p) & (reference == r)).sum() / ((predicted == p) | (reference == r)).sum()
         for r in np.unique(reference[reference > 0])]
        for p in np.unique(predicted[predicted > 0])
    ]  # fmt: skip
    table = np.array(ious)
    for t in range(50, 100, 5):
        hit = np.round(table * 1e9) > np.round(t / 100 * 1e9)
        tp = hit.any(axis=1).sum()
        scores.append(tp / (table.shape[0] + table.shape[1] - tp))
    return float(np.mean(scores))


def test_matching_of_a_hand_worked_row() -> None:
    found = match(row((0, 2), (7, 4), (9, 4)), row((1, 5), (0, 1), (4, 4)))
    assert (found.predicted, found.reference) == (2, 2)
    assert found.intersection.tolist() == [3, 4]
    assert found.union.tolist() == [6, 4]


def test_average_precision_of_a_hand_worked_image() -> None:
    # IoU 0.8, one miss, one false alarm: hit at .5 ... .75, as 0.8 > t is false at t = 0.8.
    predicted = row((1, 8), (0, 2), (2, 5), (0, 5), (0, 5))
    reference = row((1, 10), (0, 5), (0, 5), (2, 5))
    assert value("ap", [pair(predicted, reference)]) == pytest.approx(6 * (1 / 3) / 10)


def test_a_hit_needs_an_iou_greater_than_the_threshold() -> None:
    half = pair(row((1, 5), (0, 5)), row((1, 10)))
    assert value("f1_0.50", [half]) == 0
    three_fifths = pair(row((1, 6), (0, 4)), row((1, 10)))
    assert value("f1_0.55", [three_fifths]) == 1
    assert value("f1_0.60", [three_fifths]) == 0


def test_average_precision_is_the_mean_of_images_not_of_objects() -> None:
    perfect, missed = row((1, 4), (0, 2)), row((1, 2), (2, 2), (3, 2))
    pairs = [pair(perfect, perfect), pair(np.zeros_like(missed), missed)]
    assert value("ap", pairs) == pytest.approx(0.5)
    assert value("f1_0.50", pairs) == pytest.approx(2 * 1 / (1 + 4))
    assert value("f1_image_0.50", pairs) == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_definition_object_by_object(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = np.kron(rng.permutation(np.arange(36)).reshape(6, 6), np.ones((7, 7), int))
    reference[reference > 20] = 0
    predicted = np.roll(reference, rng.integers(0, 3, 2), (0, 1))
    predicted[:, :3] = 0
    got = value("ap", [pair(predicted, reference)])
    assert got == pytest.approx(slow_average_precision(predicted, reference))


def test_numbers_of_objects_need_not_be_dense() -> None:
    labels = row((3, 4), (0, 2), (4_000_000_000, 4)).astype(np.uint32)
    assert value("ap", [pair(labels, row((1, 4), (0, 2), (2, 4)))]) == 1


def test_panoptic_quality_of_a_hand_worked_image() -> None:
    one = pair(row((1, 8), (0, 2), (2, 5)), row((1, 10), (0, 5)))
    assert value("sq", [one]) == pytest.approx(0.8)
    assert value("rq", [one]) == pytest.approx(2 / 3)
    assert value("pq", [one]) == pytest.approx(0.8 * 2 / 3)


def test_empty_images_follow_the_policy() -> None:
    nothing, something = row((0, 4)), row((1, 4))
    assert value("ap", [pair(nothing, nothing)]) == 1
    assert np.isnan(value("ap", [pair(nothing, nothing)], Options(empty="skip")))
    assert value("ap", [pair(something, nothing)]) == 0
    assert value("ap", [pair(nothing, something)]) == 0


def test_thresholds_are_those_of_the_competition() -> None:
    assert np.allclose(THRESHOLDS, np.arange(0.5, 1, 0.05))


def test_more_than_a_hundred_objects_all_count() -> None:
    labels = np.kron(np.arange(1, 401).reshape(20, 20), np.ones((3, 3), np.int32))
    some = np.where(labels <= 250, labels, 0)
    assert value("ap", [pair(some, labels)]) == pytest.approx(250 / 400)
    assert value("ap", [pair(labels, some)]) == pytest.approx(250 / 400)


def test_two_thousand_objects_are_matched_in_a_fraction_of_a_second() -> None:
    labels = np.kron(np.arange(2025).reshape(45, 45), np.ones((22, 22), np.int32))
    start = time.process_time()
    found = match(np.roll(labels, 2, 0), labels)
    assert time.process_time() - start < 2
    assert found.reference == 2024
