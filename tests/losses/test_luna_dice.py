import pytest
import torch
from torch import nn

from inklings.losses.luna_dice import LunaDice
from inklings.tensors import Batch, Output
from inklings.testing.contracts import LossContract


class TestLunaDice(LossContract):
    def build(self) -> nn.Module:
        return LunaDice()


def _loss(chance: list[float], value: list[float], **options: float) -> float:
    logits = torch.logit(torch.tensor(chance))[None, None]
    target = torch.tensor(value)[None, None]
    batch = Batch(torch.zeros(1), target, torch.ones_like(target, dtype=torch.bool))
    return float(LunaDice(**options)(Output(logits), batch))


def test_hand_worked_terms() -> None:
    # D(p, y) = 1 - (2 * .5 + 1) / (1 + 1 + 1) = 1/3; inside alone 1 - (1 + 1) / (.5 + 1 + 1) = .2
    assert _loss([0.5, 0.5], [1.0, 0.0]) == pytest.approx(1 / 3 + 8 * 0.2, abs=1e-5)


def test_what_is_missed_costs_more_than_what_is_called_besides() -> None:
    missed = _loss([0.1, 0.1], [1.0, 0.0])
    besides = _loss([0.9, 0.9], [1.0, 0.0])
    assert missed > 3 * besides
