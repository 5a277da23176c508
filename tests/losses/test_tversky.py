import pytest
from torch import nn

from inklings.errors import SpecError
from inklings.losses.dice import Dice
from inklings.losses.tversky import Tversky
from inklings.tensors import Output
from inklings.testing.contracts import LossContract, example


class TestTversky(LossContract):
    def build(self) -> nn.Module:
        return Tversky()


def test_hand_worked_counts(row):
    # TP = .9, FP = .3, FN = .1: 1 - 1.9 / (.9 + .3 * .3 + .7 * .1 + 1)
    loss = Tversky()(row.probabilities(0.9, 0.3), row.batch([1, 0]))
    assert loss.item() == pytest.approx(1 - 1.9 / 2.06, abs=1e-6)


@pytest.mark.parametrize("over", ["batch", "sample"])
def test_equal_prices_are_dice_with_twice_the_smoothing(over):
    logits, batch = example(Dice())
    expected = Dice(smooth=2, over=over)(Output(logits), batch).item()
    loss = Tversky(0.5, 0.5, smooth=1, over=over)
    assert loss(Output(logits), batch).item() == pytest.approx(expected, abs=1e-6)


def test_a_larger_beta_makes_misses_dearer_than_false_alarms(row):
    loss = Tversky(alpha=0.1, beta=0.9)
    miss = loss(row.logits(-20.0, 20.0), row.batch([1, 1]))
    false_alarm = loss(row.logits(20.0, 20.0), row.batch([0, 1]))
    assert miss > false_alarm


def test_an_empty_target_predicted_empty_costs_0(row):
    assert Tversky()(row.logits(-1e4, -1e4), row.batch([0, 0])).item() == 0


@pytest.mark.parametrize("options", [{"alpha": 0, "beta": 0}, {"beta": -1}, {"smooth": 0}])
def test_refuses_impossible_options(options):
    with pytest.raises(SpecError, match="loss tversky: expected alpha, beta >= 0"):
        Tversky(**options)
