import math

import pytest
import torch

from inklings.losses.centre_point import CentrePointLoss
from inklings.tensors import Batch, Output


def _batch(heat: list[float], known: bool = False) -> Batch:
    value = torch.zeros(1, 5, len(heat))
    value[0, 0] = torch.tensor(heat)
    return Batch(torch.zeros(1), value, torch.full((1, 1, len(heat)), known))


def test_hand_worked_focal_terms() -> None:
    # p = 1/2 everywhere: -(1/2)**2 log(1/2) at the centre; at t = 1/2 times (1 - 1/2)**4.
    logits = torch.zeros(1, 5, 2)
    expected = 0.25 * math.log(2) * (1 + 0.5**4)
    assert CentrePointLoss()(Output(logits), _batch([1.0, 0.5])).item() == pytest.approx(expected)


def test_regression_counts_only_inside_of_objects() -> None:
    logits = torch.zeros(1, 5, 2)
    logits[:, 1:] = 3.0
    outside = CentrePointLoss()(Output(logits), _batch([1.0, 0.0]))
    inside = CentrePointLoss(regression=0.5)(Output(logits), _batch([1.0, 0.0], known=True))
    assert inside.item() - outside.item() == pytest.approx(0.5 * 4 * 2.5)


def test_a_batch_without_objects_is_finite_and_teaches_cold() -> None:
    logits = torch.zeros(1, 5, 3, requires_grad=True)
    CentrePointLoss()(Output(logits), _batch([0.0, 0.0, 0.0])).backward()
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[:, 0] > 0).all()
    assert (logits.grad[:, 1:] == 0).all()


@pytest.mark.parametrize("size", [30.0, 1e4])
def test_huge_logits_stay_finite(size) -> None:
    for sign in (1, -1):
        logits = torch.full((1, 5, 2), sign * size, requires_grad=True)
        value = CentrePointLoss()(Output(logits), _batch([1.0, 0.0], known=True))
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(logits.grad).all()
