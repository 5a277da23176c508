import pytest
import torch
from torch import nn

from inklings.losses.bce import BCE
from inklings.losses.bce_dice import BCEDice
from inklings.losses.dice import Dice
from inklings.tensors import Output
from inklings.testing.contracts import LossContract, example


class TestBCEDice(LossContract):
    def build(self) -> nn.Module:
        return BCEDice()


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_is_the_sum_of_its_parts(weight):
    logits, batch = example(BCE())
    expected = BCE(3)(Output(logits), batch) + weight * Dice(2, "sample")(Output(logits), batch)
    loss = BCEDice(dice_weight=weight, positive_weight=3, smooth=2, over="sample")
    assert torch.isclose(loss(Output(logits), batch), expected)
