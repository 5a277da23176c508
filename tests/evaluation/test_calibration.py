from typing import ClassVar

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from inklings.calibration.measure import BINS, reliability
from inklings.evaluation.calibration import histogram, metrics
from inklings.evaluation.metric import DEFAULT
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.testing.metrics import MetricContract


class TestCalibration(MetricContract):
    family: ClassVar = staticmethod(metrics)


def drawn(seed: int = 0, sharpen: float = 1.0) -> Pair:
    """Truth drawn from the probability itself, which is then sharpened."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 256, (200, 200)).astype(np.uint8)
    truth = rng.random(level.shape) < level / 255
    said = 1 / (1 + ((255 - level) / np.maximum(level, 1)) ** sharpen)
    return Pair("p", "c", Segmentation.of(level > 127, None, said), Segmentation.of(truth))


def value(name: str, pairs: list[Pair]) -> float:
    return {metric.name: metric for metric in metrics(DEFAULT)}[name](pairs)


def test_brier_agrees_with_scikit_learn() -> None:
    pair = drawn()
    assert pair.predicted.probability is not None
    expected = brier_score_loss(
        pair.reference.mask.ravel(), pair.predicted.probability.ravel() / 255
    )
    assert value("brier", [pair]) == pytest.approx(expected)


def test_reliability_agrees_with_scikit_learn() -> None:
    pair = drawn(sharpen=2)
    assert pair.predicted.probability is not None
    y, p = pair.reference.mask.ravel(), pair.predicted.probability.ravel() / 255
    frequency, confidence = calibration_curve(y, p, n_bins=BINS)
    bins = reliability(histogram(pair))
    assert np.allclose(bins.frequency, frequency, atol=0.02)
    assert np.allclose(bins.confidence, confidence, atol=0.01)


def test_a_calibrated_probability_has_no_error_and_an_overconfident_one_has() -> None:
    assert value("ece", [drawn()]) < 0.02
    assert value("ece", [drawn(sharpen=3)]) > 0.1


def test_error_of_a_hand_worked_case() -> None:
    # Ten samples say 1.0 and six are right; ten say 0 and all are right.
    said = np.repeat([255, 0], 10).astype(np.uint8)[None]
    truth = np.array([[1] * 6 + [0] * 14])
    pair = Pair("p", "c", Segmentation.of(said > 0, None, said), Segmentation.of(truth))
    assert value("ece", [pair]) == pytest.approx(0.5 * 0.4)
    assert value("brier", [pair]) == pytest.approx(4 / 20)


def test_unknown_samples_are_not_counted() -> None:
    said = np.array([[255, 255, 0]], np.uint8)
    known = np.array([[True, False, True]])
    pair = Pair(
        "p",
        "c",
        Segmentation.of(said > 0, None, said),
        Segmentation.of(np.array([[1, 0, 0]])),
        known,
    )
    assert histogram(pair)[:256].sum() == 2
    assert value("brier", [pair]) == 0
