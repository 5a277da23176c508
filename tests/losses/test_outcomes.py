"""Losses of numbers, against values worked by hand."""

import math

import pytest
import torch

from inklings.errors import SpecError
from inklings.losses.cox import Cox
from inklings.losses.huber import Huber
from inklings.losses.mse import MSE
from inklings.tensors import Batch, Output


def batch(*rows: tuple[float, ...], known: list[bool] | None = None) -> Batch:
    value = torch.tensor(rows)
    there = torch.ones_like(value, dtype=torch.bool)
    if known is not None:
        there &= torch.tensor(known)[:, None]
    return Batch(torch.zeros(len(rows), 1), value, there)


def output(*logits: float, second: list[float] | None = None) -> Output:
    other = None if second is None else torch.tensor(second)[:, None]
    return Output(torch.tensor(logits)[:, None], second=other)


def test_partial_likelihood_with_ties() -> None:
    # Hazards 1, 2, 3, 4; events at 2 (the first two bags), censored at 3, an event at 5.
    logits = [math.log(k) for k in (1, 2, 3, 4)]
    labels = batch((2, 1), (2, 1), (3, 0), (5, 1))
    breslow = (math.log(10) - math.log(1)) + (math.log(10) - math.log(2)) + 0
    found = Cox("breslow")(output(*logits), labels)
    assert float(found) == pytest.approx(breslow / 3, rel=1e-6)
    efron = math.log(10) + math.log(10 - 3 / 2) - math.log(2)
    assert float(Cox()(output(*logits), labels)) == pytest.approx(efron / 3, rel=1e-6)


def test_a_batch_without_events_teaches_nothing_and_breaks_nothing() -> None:
    said = output(0.5, -100.0)
    assert float(Cox()(said, batch((2, 0), (3, 0)))) == 0
    unknown = Cox()(output(0.0, 9.0, 0.0), batch((2, 1), (3, 1), (4, 1), known=[True, False, True]))
    assert float(unknown) == pytest.approx(math.log(2) / 2, rel=1e-6)


def test_partial_likelihood_of_extreme_hazards_is_finite() -> None:
    said = torch.tensor([[-80.0], [90.0], [0.0]], requires_grad=True)
    loss = Cox()(Output(said), batch((1, 1), (2, 1), (3, 0)))
    loss.backward()
    assert torch.isfinite(loss)
    assert said.grad is not None
    assert torch.isfinite(said.grad).all()


def test_huber_and_mse_over_both_ways_to_a_bag() -> None:
    labels = batch((0.0,), (0.0,), (9.0,), known=[True, True, False])
    assert float(Huber()(output(0.5, 3.0, 0.0), labels)) == pytest.approx((0.125 + 2.5) / 2)
    both = output(1.0, 2.0, 0.0, second=[0.0, 0.0, 0.0])
    assert float(MSE()(both, labels)) == pytest.approx(2.5 / 2)
    with pytest.raises(SpecError, match="delta > 0"):
        Huber(0)
