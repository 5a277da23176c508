import math

import pytest
import torch
from torch import nn

from inklings.errors import SpecError
from inklings.losses.bce import BCE
from inklings.tensors import Batch, Output
from inklings.testing.contracts import LossContract


class TestBCE(LossContract):
    def build(self) -> nn.Module:
        return BCE()


class TestWeightedBCE(LossContract):
    def build(self) -> nn.Module:
        return BCE(positive_weight=3)


def test_is_the_mean_negative_log_probability_of_the_label(row):
    expected = -(math.log(0.8) + math.log(0.9) + math.log(0.25)) / 3
    assert BCE()(row.probabilities(0.8, 0.1, 0.25), row.batch([1, 0, 1])).item() == pytest.approx(
        expected, rel=1e-5
    )


def test_divides_by_the_known_samples_only(row):
    known = row.batch([1, 0, 1], known=[1, 0, 1])
    expected = -(math.log(0.8) + math.log(0.25)) / 2
    assert BCE()(row.probabilities(0.8, 0.1, 0.25), known).item() == pytest.approx(
        expected, rel=1e-5
    )


def test_positive_weight_multiplies_the_terms_of_positives(row):
    expected = -(5 * math.log(0.8) + math.log(0.9)) / 2
    loss = BCE(positive_weight=5)(row.probabilities(0.8, 0.1), row.batch([1, 0]))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_best_constant_for_a_soft_target_is_the_target(row):
    output = row.logits(math.log(0.3 / 0.7))
    BCE()(output, row.batch([0.3])).backward()
    assert output.logits.grad.abs().item() < 1e-6


def test_channels_are_averaged():
    logits = torch.zeros(1, 2, 1, 1)
    logits[:, 1] = math.log(3)
    batch = Batch(logits, torch.ones(1, 2, 1, 1), torch.ones(1, 1, 1, 1, dtype=torch.bool))
    expected = -(math.log(0.5) + math.log(0.75)) / 2
    assert BCE()(Output(logits), batch).item() == pytest.approx(expected, rel=1e-5)


def test_refuses_a_weight_that_is_not_positive():
    with pytest.raises(SpecError, match="positive_weight > 0, got 0"):
        BCE(positive_weight=0)
