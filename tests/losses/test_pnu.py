import pytest
import torch
from torch import nn

from inklings.errors import SpecError
from inklings.losses.nnpu import NNPU
from inklings.losses.pnu import PNU
from inklings.losses.upu import UPU
from inklings.tensors import Batch, Output
from inklings.testing.contracts import LossContract, example


class TestPNU(LossContract):
    def build(self) -> nn.Module:
        return PNU(prior=0.5)


class TestClippedNU(LossContract):
    def build(self) -> nn.Module:
        return PNU(prior=0.5, eta=-0.5, clip=True)


# Probabilities of a labelled positive, a labelled negative and an unlabelled sample.
# E_P l(f) = .2, E_P l(-f) = .8; E_N l(-f) = .3, E_N l(f) = .7; E_U l(-f) = .5, E_U l(f) = .5.
PROBABILITIES, VALUES, KNOWN = (0.8, 0.3, 0.4), [1, 0, 0], [1, 1, 0]
PN = 0.4 * 0.2 + 0.6 * 0.3
PU = 0.4 * 0.2 + 0.5 - 0.4 * 0.8
NU = 0.6 * 0.3 + 0.5 - 0.6 * 0.7


@pytest.mark.parametrize(
    ("eta", "expected"),
    [(0, PN), (1, PU), (-1, NU), (0.25, 0.75 * PN + 0.25 * PU), (-0.5, 0.5 * PN + 0.5 * NU)],
)
def test_hand_worked_mixtures(row, eta, expected):
    loss = PNU(prior=0.4, eta=eta)(row.probabilities(*PROBABILITIES), row.batch(VALUES, KNOWN))
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_eta_of_1_is_upu_and_with_clip_nnpu():
    logits, batch = example(UPU(prior=0.5))
    for clip, other in ((False, UPU(prior=0.5)), (True, NNPU(prior=0.5))):
        expected = other(Output(logits), batch).item()
        loss = PNU(prior=0.5, eta=1, clip=clip)
        assert loss(Output(logits), batch).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("eta", [-1.0, -0.3, 0.0, 0.6, 1.0])
def test_is_the_supervised_risk_in_expectation(censored, eta):
    sample = censored(prior=0.3, kept=0.25)
    random = torch.rand(sample.truth.shape, generator=torch.Generator().manual_seed(5)) < 0.25
    value, known = sample.truth.float(), random
    batch = Batch(sample.batch.inputs, value, known)
    loss = PNU(prior=0.3, eta=eta)(sample.output, batch)
    assert loss.item() == pytest.approx(sample.supervised("sigmoid"), abs=3e-3)


def test_refuses_an_eta_beyond_1():
    with pytest.raises(SpecError, match=r"eta in \[-1, 1\], got 1.5"):
        PNU(prior=0.5, eta=1.5)
