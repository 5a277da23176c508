import math

import pytest
import torch
from torch import nn

from inklings.errors import SpecError
from inklings.losses.bce import BCE
from inklings.losses.cross_entropy import CrossEntropy
from inklings.losses.focal import Focal
from inklings.tensors import Batch, Output
from inklings.testing.contracts import LossContract, example


class TestFocal(LossContract):
    def build(self) -> nn.Module:
        return Focal()


class TestFocalPerClassWithARoot(LossContract):
    def build(self) -> nn.Module:
        return Focal(gamma=0.5, alpha=[0.25, 0.5, 0.75])


class TestFocalOverExclusiveClasses(LossContract):
    def build(self) -> nn.Module:
        return Focal(gamma=2, alpha=None, exclusive=True)


def test_exclusive_focal_at_gamma_zero_is_the_cross_entropy():
    loss = Focal(gamma=0, alpha=None, exclusive=True)
    logits, batch = example(loss)
    expected = CrossEntropy()(Output(logits), batch)
    assert loss(Output(logits), batch).item() == pytest.approx(expected.item(), rel=1e-5)


def test_hand_worked_positive_and_negative(row):
    # Of the paper's figure 1: a well classified sample of p_t = .9 costs 100 times less at gamma 2.
    loss = Focal(gamma=2, alpha=None)(row.probabilities(0.9), row.batch([1]))
    assert loss.item() == pytest.approx(-math.log(0.9) / 100, rel=1e-4)
    loss = Focal()(row.probabilities(0.8, 0.8), row.batch([1, 0]))
    expected = -(0.25 * 0.2**2 * math.log(0.8) + 0.75 * 0.8**2 * math.log(0.2)) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_gamma_0_without_alpha_is_cross_entropy():
    logits, batch = example(Focal())
    expected = BCE()(Output(logits), batch).item()
    assert Focal(gamma=0, alpha=None)(Output(logits), batch).item() == pytest.approx(expected)


def test_alpha_per_class_weighs_its_own_channel():
    logits = torch.zeros(1, 2, 1, 1)
    ones = torch.ones(1, 2, 1, 1)
    batch = Batch(ones, ones, torch.ones(1, 1, 1, 1, dtype=torch.bool))
    loss = Focal(gamma=0, alpha=[0.1, 0.9])(Output(logits), batch)
    assert loss.item() == pytest.approx(math.log(2) * (0.1 + 0.9) / 2)
    with pytest.raises(SpecError, match="alpha: expected one number or 2, got 3"):
        Focal(alpha=[0.1, 0.2, 0.3])(Output(logits), batch)


@pytest.mark.parametrize("options", [{"gamma": -1}, {"alpha": 0}, {"alpha": [0.5, 1]}])
def test_refuses_impossible_options(options):
    with pytest.raises(SpecError, match="gamma >= 0 and alpha between 0 and 1"):
        Focal(**options)
