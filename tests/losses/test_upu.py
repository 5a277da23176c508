import pytest
import torch
from torch import nn

from inklings.losses.upu import UPU
from inklings.tensors import Batch, Output
from inklings.testing.contracts import LossContract


class TestUPU(LossContract):
    def build(self) -> nn.Module:
        return UPU(prior=0.5)


class TestLogisticUPU(LossContract):
    def build(self) -> nn.Module:
        return UPU(prior=[0.4, 0.5, 0.6], surrogate="logistic")


def test_hand_worked_risk(row):
    # l(f): .2, .4, .9; l(-f): .8, .6, .1; the first is labelled, prior .3:
    # .3 * .2 + (.8 + .6 + .1) / 3 - .3 * .8
    loss = UPU(prior=0.3)(row.probabilities(0.8, 0.6, 0.1), row.batch([1, 0, 0], known=[1, 0, 0]))
    assert loss.item() == pytest.approx(0.3 * 0.2 + 0.5 - 0.3 * 0.8, abs=1e-6)


def test_hand_worked_risk_with_only_the_rest_unlabelled(row):
    loss = UPU(prior=0.3, unlabelled="rest")
    value = loss(row.probabilities(0.8, 0.6, 0.1), row.batch([1, 0, 0], known=[1, 0, 0]))
    assert value.item() == pytest.approx(0.3 * 0.2 + (0.6 + 0.1) / 2 - 0.3 * 0.8, abs=1e-6)


@pytest.mark.parametrize("surrogate", ["sigmoid", "logistic"])
@pytest.mark.parametrize("kept", [1.0, 0.25])
def test_is_the_supervised_risk_in_expectation(censored, surrogate, kept):
    sample = censored(prior=0.2, kept=kept)
    loss = UPU(prior=0.2, surrogate=surrogate)(sample.output, sample.batch)
    assert loss.item() == pytest.approx(sample.supervised(surrogate), abs=3e-3)


def test_each_channel_has_its_own_prior():
    logits = torch.tensor([1.0, -2.0]).reshape(1, 2, 1, 1).expand(1, 2, 1, 3)
    value = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 1, 1, 3).expand(1, 2, 1, 3)
    known = torch.tensor([True, False, False]).reshape(1, 1, 1, 3)
    both = UPU(prior=[0.1, 0.7])(Output(logits), Batch(logits, value, known))
    apart = [
        UPU(prior=p)(Output(logits[:, k : k + 1]), Batch(logits, value[:, k : k + 1], known))
        for k, p in enumerate((0.1, 0.7))
    ]
    assert both.item() == pytest.approx(sum(apart).item() / 2)


def test_without_labelled_positives_all_is_called_negative(row):
    loss = UPU(prior=0.3)(row.probabilities(0.8, 0.6), row.batch([0, 0], known=[0, 0]))
    assert loss.item() == pytest.approx(0.7, abs=1e-6)
