import math

import numpy as np
import pytest
import torch
from torch import nn

from inklings.errors import SpecError
from inklings.losses.alpha_beta import AlphaBeta
from inklings.tensors import Batch, Output
from inklings.testing.contracts import LossContract


class TestAlphaBeta(LossContract):
    def build(self) -> nn.Module:
        return AlphaBeta(alpha=0.3, beta=0.2)

    def test_right_answers_cost_less_than_wrong_ones(self) -> None:
        # Only the label of the bag is right or wrong: any of its instances may carry it.
        logits = torch.full((2, 1, 4, 4), 3.0)
        value = torch.tensor([1.0, 0.0]).view(2, 1, 1, 1).expand(2, 1, 4, 4)
        batch = Batch(logits, value, torch.ones(2, 1, 4, 4, dtype=torch.bool))
        sign = 2 * value - 1
        assert self.build()(Output(logits * sign), batch) < self.build()(
            Output(-logits * sign), batch
        )


def bags(logits: list[list[float]], labels: list[int]) -> tuple[Output, Batch]:
    """Bags of tiles of one sample each, in a row."""
    flat = torch.tensor(logits).view(-1, 1, 1, 1).requires_grad_()
    value = torch.tensor(labels, dtype=torch.float).repeat_interleave(len(logits[0]))
    return Output(flat), Batch(flat, value.view(-1, 1, 1, 1), torch.ones_like(flat) > 0)


def test_hand_worked_bags():
    output, batch = bags([[2.0, 0.0, -1.0, 1.0, -3.0], [0.5, -0.5, 1.5, 0.0, -2.0]], [1, 0])
    loss = AlphaBeta(alpha=0.4, beta=0.2, bag=5)(output, batch)
    positive = [math.log1p(math.exp(-2)), math.log1p(math.exp(-1)), math.log1p(math.exp(-3))]
    negative = [math.log1p(math.exp(z)) for z in (0.5, -0.5, 1.5, 0.0, -2.0)]
    assert loss.item() == pytest.approx((sum(positive) / 3 + sum(negative) / 5) / 2, rel=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 9])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_the_top_of_a_small_bag_is_never_empty(count, beta):
    # int(0.1 * 9) is 0: published code takes the mean of nothing.
    output, batch = bags([[float(i) for i in range(count)]], [1])
    loss = AlphaBeta(alpha=0.1, beta=beta, bag=count)(output, batch)
    loss.backward()
    assert math.isfinite(loss.item())
    assert output.logits.grad[-1].item() < 0
    assert torch.isfinite(output.logits.grad).all()


def test_instances_between_the_shares_are_left_alone():
    output, batch = bags([[float(i) for i in range(10)]], [1])
    AlphaBeta(alpha=0.2, beta=0.3, bag=10)(output, batch).backward()
    signs = output.logits.grad.flatten().sign().tolist()
    assert signs == [1, 1, 1, 0, 0, 0, 0, 0, -1, -1]


def test_what_is_known_to_be_glass_is_no_instance_of_a_positive_bag():
    output, batch = bags([[9.0, 1.0, 0.0, -2.0]], [1])
    batch.value[0] = 0
    loss = AlphaBeta(alpha=1 / 3, beta=1 / 3, bag=4)(output, batch)
    expected = (math.log1p(math.exp(-1)) + math.log1p(math.exp(-2))) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert output.logits.grad.flatten()[0].item() == 0


def test_of_a_negative_bag_the_hard_instances_count():
    output, batch = bags([[0.5, -0.5, 1.5, 0.0, -2.0]], [0])
    loss = AlphaBeta(alpha=0.4, bag=5, hard=0.4)(output, batch)
    expected = (math.log1p(math.exp(1.5)) + math.log1p(math.exp(0.5))) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("hard", "called"), [(1.0, 0.8), (0.25, 0.5)])
def test_a_look_that_bags_of_both_kinds_share_is_called_by_what_negatives_count(hard, called):
    # One cell of four looks alike in a positive and a negative bag; the others are sure negatives.
    grid = torch.linspace(-3, 3, 601)
    losses = []
    for z in grid.tolist():
        output, batch = bags([[z, -9.0, -9.0, -9.0], [z, -9.0, -9.0, -9.0]], [1, 0])
        losses.append(AlphaBeta(alpha=0.25, bag=4, hard=hard)(output, batch).item())
    best = torch.sigmoid(grid[int(np.argmin(losses))]).item()
    assert best == pytest.approx(called, abs=0.01)


def test_cells_are_the_instances_of_a_tile():
    logits = torch.zeros(1, 1, 4, 6)
    logits[..., :2, :2] = 4.0
    value = torch.ones_like(logits)
    batch = Batch(logits, value, value > 0)
    # Of six cells one is positive at alpha 1/6, and it is the bright one.
    loss = AlphaBeta(alpha=1 / 6, cell=2)(Output(logits), batch)
    assert loss.item() == pytest.approx(math.log1p(math.exp(-4)), rel=1e-5)
    whole = AlphaBeta(alpha=1.0)(Output(logits), batch)
    mean = (1 / (1 + math.exp(-4)) + 5 * 0.5) / 6
    assert whole.item() == pytest.approx(-math.log(mean), rel=1e-5)


def test_samples_of_a_negative_cell_may_not_make_up_for_each_other():
    logits = torch.tensor([[5.0, -5.0], [-5.0, 5.0]]).view(1, 1, 2, 2).requires_grad_()
    batch = Batch(logits, torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2) > 0)
    loss = AlphaBeta(cell=2)(Output(logits), batch)
    assert loss.item() == pytest.approx((math.log1p(math.exp(5)) + math.log1p(math.exp(-5))) / 2)
    loss.backward()
    assert (logits.grad > 0).all()


def test_half_a_bag_is_refused_with_the_remedy():
    output, batch = bags([[1.0, 2.0, 3.0]], [1])
    with pytest.raises(SpecError, match=r"whole bags of 2 tiles, got 3 tiles; make training\.b"):
        AlphaBeta(bag=2)(output, batch)


@pytest.mark.parametrize("options", [{"alpha": 0}, {"alpha": 0.8, "beta": 0.3}, {"bag": 0}])
def test_impossible_shares_are_refused(options):
    with pytest.raises(SpecError, match="loss alpha_beta: expected"):
        AlphaBeta(**options)
