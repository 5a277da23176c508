import math

import pytest
import torch
from torch import nn

from inklings.errors import SpecError
from inklings.losses.vpu import VPU
from inklings.tensors import Batch, Output
from inklings.testing.contracts import LossContract


class TestVPU(LossContract):
    def build(self) -> nn.Module:
        return VPU()


class TestVPUInEvaluation(LossContract):
    def build(self) -> nn.Module:
        return VPU(consistency=0.03).eval()


def test_hand_worked_value(row):
    loss = VPU()(row.probabilities(0.8, 0.6, 0.1), row.batch([1, 0, 0], known=[1, 0, 0]))
    assert loss.item() == pytest.approx(math.log(1.5 / 3) - math.log(0.8), abs=1e-6)


def test_only_the_rest_unlabelled(row):
    loss = VPU(unlabelled="rest")
    value = loss(row.probabilities(0.8, 0.6, 0.1), row.batch([1, 0, 0], known=[1, 0, 0]))
    assert value.item() == pytest.approx(math.log(0.7 / 2) - math.log(0.8), abs=1e-6)


def test_the_posterior_costs_less_than_a_tilted_one(censored):
    sample = censored(prior=0.3, kept=0.3)
    posterior = 2 * sample.output.logits + math.log(0.3 / 0.7)
    best = VPU()(Output(posterior), sample.batch)
    for tilted in (0.5 * posterior, posterior - 1, posterior + 1):
        assert best < VPU()(Output(tilted), sample.batch)


def test_consistency_is_the_squared_log_difference_where_the_partner_is_positive(monkeypatch):
    monkeypatch.setattr(torch, "randperm", lambda _, device: torch.tensor([1, 0], device=device))
    monkeypatch.setattr(torch.distributions.Beta, "sample", lambda _: torch.tensor(0.25))
    images = torch.tensor([2.0, -1.0]).reshape(2, 1, 1, 1)
    labelled = torch.tensor([1.0, 0.0]).reshape(2, 1, 1, 1)
    batch = Batch(images, labelled, labelled.bool())
    loss = VPU(consistency=3.0)
    loss.attach(lambda inputs: Output(inputs))
    extra = (loss(Output(images), batch) - VPU()(Output(images), batch)).item()
    # Only the second image has a labelled partner: x~ = .25 * -1 + .75 * 2 = 1.25.
    target = 0.25 / (1 + math.exp(1)) + 0.75
    mixed = 1 / (1 + math.exp(-1.25))
    assert extra == pytest.approx(3 * (math.log(target) - math.log(mixed)) ** 2, abs=1e-6)


def test_consistency_is_left_out_in_evaluation_and_needs_the_network(row):
    output, batch = row.probabilities(0.8, 0.6), row.batch([1, 0], known=[1, 0])
    loss = VPU(consistency=0.03)
    with pytest.raises(SpecError, match="consistency needs the network"):
        loss(output, batch)
    assert loss.eval()(output, batch) == VPU()(output, batch)


def test_an_attached_network_does_not_become_part_of_the_loss():
    loss = VPU(consistency=0.03)
    loss.attach(nn.Linear(3, 3))
    assert list(loss.parameters()) == []


@pytest.mark.parametrize("options", [{"consistency": -1}, {"alpha": 0}])
def test_refuses_impossible_options(options):
    with pytest.raises(SpecError, match="consistency >= 0 and alpha > 0"):
        VPU(**options)
