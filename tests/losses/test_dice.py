import pytest
import torch
from torch import nn

from inklings.errors import SpecError
from inklings.losses.dice import Dice
from inklings.tensors import Batch, Output
from inklings.testing.contracts import LossContract


class TestDice(LossContract):
    def build(self) -> nn.Module:
        return Dice()


class TestDicePerSample(LossContract):
    def build(self) -> nn.Module:
        return Dice(over="sample")


class TestExclusiveDice(LossContract):
    def build(self) -> nn.Module:
        return Dice(exclusive=True)


def test_hand_worked_overlap(row):
    # sum(p y) = .9, sum(p) = 1.2, sum(y) = 1, smooth 1: 1 - (1.8 + 1) / (2.2 + 1) = .125
    loss = Dice()(row.probabilities(0.9, 0.3), row.batch([1, 0]))
    assert loss.item() == pytest.approx(0.125, abs=1e-6)


def test_an_empty_target_predicted_empty_costs_0_and_not_minus_1(row):
    # The variant in circulation multiplies the smoothing by 2 and gives 1 - 2 (0 + 1) / (0 + 1).
    loss = Dice()(row.logits(-1e4, -1e4, -1e4), row.batch([0, 0, 0]))
    assert loss.item() == 0


@pytest.mark.parametrize("over", ["batch", "sample"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("confidence", [-20.0, -1.0, 0.0, 1.0, 20.0])
def test_lies_between_0_and_1(over, share, confidence):
    value = (torch.rand(3, 2, 8, 8, generator=torch.Generator().manual_seed(0)) < share).float()
    batch = Batch(value, value, torch.ones(3, 1, 8, 8, dtype=torch.bool))
    loss = Dice(over=over)(Output(torch.full_like(value, confidence)), batch)
    assert 0 <= loss.item() <= 1


def test_perfect_prediction_costs_0_and_its_opposite_nearly_1():
    value = (torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    batch = Batch(value, value, torch.ones(2, 1, 16, 16, dtype=torch.bool))
    assert Dice()(Output(1e4 * (2 * value - 1)), batch).item() == 0
    assert Dice()(Output(1e4 * (1 - 2 * value)), batch).item() > 0.99


def test_over_sample_averages_the_overlaps_of_the_images():
    value = torch.tensor([[1.0, 1.0], [0.0, 0.0]]).reshape(2, 1, 1, 2)
    probability = torch.tensor([[0.5, 0.5], [0.25, 0.25]]).reshape(2, 1, 1, 2)
    batch = Batch(value, value, torch.ones(2, 1, 1, 2, dtype=torch.bool))
    output = Output(torch.logit(probability))
    first, second = 1 - (2 + 1) / (1 + 2 + 1), 1 - 1 / (0.5 + 1)
    assert Dice(over="sample")(output, batch).item() == pytest.approx((first + second) / 2)
    assert Dice()(output, batch).item() == pytest.approx(1 - (2 + 1) / (1.5 + 2 + 1))


def test_over_sample_does_not_count_images_of_which_nothing_is_known():
    value = torch.ones(2, 1, 1, 2)
    known = torch.tensor([[True, True], [False, False]]).reshape(2, 1, 1, 2)
    output = Output(torch.zeros(2, 1, 1, 2))
    loss = Dice(over="sample")(output, Batch(value, value, known))
    assert loss.item() == pytest.approx(1 - 3 / 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"smooth": 0}, "smooth > 0, got 0"), ({"over": "pixel"}, "batch or sample, got 'pixel'")],
)
def test_refuses_impossible_options(options, message):
    with pytest.raises(SpecError, match=message):
        Dice(**options)
