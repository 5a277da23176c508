import math

import pytest
import torch
from torch import nn

from inklings.errors import SpecError
from inklings.losses.nnpu import NNPU
from inklings.losses.upu import UPU
from inklings.tensors import Batch, Output
from inklings.testing.contracts import LossContract


class TestNNPU(LossContract):
    def build(self) -> nn.Module:
        return NNPU(prior=0.5)


class TestLogisticNNPU(LossContract):
    def build(self) -> nn.Module:
        return NNPU(prior=[0.4, 0.5, 0.6], surrogate="logistic")


# One labelled positive of probability .9 and three unlabelled of .2, .1 and .1:
# E_P l(f) = .1, E_P l(-f) = .9, E_U l(-f) = (.9 + .2 + .1 + .1) / 4 = .325.
PROBABILITIES = (0.9, 0.2, 0.1, 0.1)
KNOWN = [1, 0, 0, 0]


def logits() -> torch.Tensor:
    p = torch.tensor(PROBABILITIES)
    return torch.log(p / (1 - p)).reshape(1, 1, 1, 4).requires_grad_()


def test_without_clipping_it_is_the_unbiased_risk(row):
    batch = row.batch([1, 0, 0, 0], KNOWN)
    loss = NNPU(prior=0.25)(Output(logits()), batch)
    assert loss.item() == pytest.approx(0.25 * 0.1 + 0.325 - 0.25 * 0.9, abs=1e-6)
    assert loss.item() == pytest.approx(UPU(prior=0.25)(Output(logits()), batch).item())


def test_a_negative_part_below_minus_beta_reports_the_positive_part_minus_beta(row):
    # R_n = .325 - .5 * .9 = -.125
    batch = row.batch([1, 0, 0, 0], KNOWN)
    for beta, expected in ((0.0, 0.05), (0.1, 0.05 - 0.1), (0.2, 0.05 - 0.125)):
        loss = NNPU(prior=0.5, beta=beta)(Output(logits()), batch)
        assert loss.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("gamma", [1.0, 0.5, 0.0])
def test_the_clipped_gradient_is_that_of_minus_gamma_times_the_negative_part(row, gamma):
    scores = logits()
    NNPU(prior=0.5, gamma=gamma)(Output(scores), row.batch([1, 0, 0, 0], KNOWN)).backward()
    slope = torch.tensor([p * (1 - p) for p in PROBABILITIES])  # of l(-f) = sigmoid(f)
    negative_part = slope / 4 - torch.tensor([0.5, 0, 0, 0]) * slope
    assert scores.grad is not None
    assert torch.allclose(scores.grad.flatten(), -gamma * negative_part, atol=1e-6)


def test_a_clipped_step_raises_the_negative_part_and_a_plain_one_lowers_it(row):
    batch = row.batch([1, 0, 0, 0], KNOWN)

    def negative_part(scores: torch.Tensor, prior: float) -> float:
        p = torch.sigmoid(scores).flatten()
        return (p.mean() - prior * p[0]).item()

    for prior, rises in ((0.5, True), (0.2, False)):
        scores = logits()
        NNPU(prior=prior)(Output(scores), batch).backward()
        moved = scores.detach() - 0.1 * scores.grad
        assert (negative_part(moved, prior) > negative_part(scores, prior)) is rises


@pytest.mark.parametrize("surrogate", ["sigmoid", "logistic"])
def test_is_the_supervised_risk_in_expectation(censored, surrogate):
    sample = censored(prior=0.2, kept=0.25)
    loss = NNPU(prior=0.2, surrogate=surrogate)
    assert loss(sample.output, sample.batch).item() == pytest.approx(
        sample.supervised(surrogate), abs=3e-3
    )
    assert int(loss.clips) == 0


def test_samples_outside_a_group_do_not_decide_on_clipping(row):
    # If the three outsiders added .5 each to the sum over positives, E_P l(-f) would be 2.4 and
    # R_n = .325 - .25 * 2.4 < 0: the clamp would fire.
    loss = NNPU(prior=0.25)
    loss(Output(logits()), row.batch([1, 0, 0, 0], KNOWN))
    assert int(loss.clips) == 0


def test_counts_decisions_and_clips_in_training_only(row):
    batch = row.batch([1, 0, 0, 0], KNOWN)
    loss = NNPU(prior=0.5)
    loss(Output(logits()), batch)
    loss(Output(torch.zeros(1, 1, 1, 4)), batch)
    assert (int(loss.steps), int(loss.clips)) == (2, 1)
    loss.eval()(Output(logits()), batch)
    assert (int(loss.steps), int(loss.clips)) == (2, 1)


def test_channels_clip_on_their_own():
    scores = torch.cat([logits(), torch.zeros(1, 1, 1, 4)], 1)
    value = torch.tensor([1.0, 0, 0, 0]).expand(1, 2, 1, 4)
    known = torch.tensor(KNOWN).bool().reshape(1, 1, 1, 4)
    loss = NNPU(prior=0.5)
    value = loss(Output(scores), Batch(scores, value, known))
    assert (int(loss.steps), int(loss.clips)) == (2, 1)
    assert value.item() == pytest.approx((0.05 + 0.5) / 2, abs=1e-6)


def test_the_reported_value_is_exact_for_huge_losses(row):
    scores = torch.tensor([1e4, -1e4, -1e4, -1e4]).reshape(1, 1, 1, 4)
    loss = NNPU(prior=0.5, surrogate="logistic", beta=0.25)
    assert loss(Output(scores), row.batch([1, 0, 0, 0], KNOWN)).item() == -0.25


def test_a_quarter_of_the_positives_suffices_to_learn_the_border_between_two_gaussians():
    random = torch.Generator().manual_seed(0)
    truth = torch.rand(4000, generator=random) < 0.5
    feature = torch.randn(4000, generator=random) + 4 * truth - 2
    labelled = truth & (torch.rand(4000, generator=random) < 0.25)
    shape = (1, 1, 1, -1)
    batch = Batch(feature, labelled.float().reshape(shape), labelled.reshape(shape))
    weights = torch.zeros(2, requires_grad=True)
    optimiser, loss = torch.optim.Adam([weights], 0.05), NNPU(prior=0.5)
    for _ in range(200):
        optimiser.zero_grad()
        loss(Output((weights[0] * feature + weights[1]).reshape(shape)), batch).backward()
        optimiser.step()
    found = weights[0] * feature + weights[1] > 0
    assert (found == truth).float().mean() > 0.97


@pytest.mark.parametrize("options", [{"beta": -1}, {"gamma": 2}])
def test_refuses_impossible_options(options):
    with pytest.raises(SpecError, match="beta >= 0 and gamma in"):
        NNPU(prior=0.5, **options)


def test_the_zero_of_a_crop_without_positives_is_the_share_called_positive(row):
    loss = NNPU(prior=0.5)(Output(logits()), row.batch([0, 0, 0, 0], [0, 0, 0, 0]))
    assert loss.item() == pytest.approx(0.325, abs=1e-6)
    assert math.isfinite(loss.item())
