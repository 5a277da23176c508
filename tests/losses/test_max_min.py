"""Alpha / beta max-min."""

import pytest
import torch

from inklings.errors import SpecError
from inklings.losses.max_min import MaxMin
from inklings.tensors import Batch, Output


def example(value: float, logits: list[float], alpha: float, beta: float) -> tuple[list, list]:
    instances = torch.tensor(logits)[None, :, None]
    valid = torch.ones(1, len(logits), dtype=torch.bool)
    known = torch.ones(1, 1, dtype=torch.bool)
    target, weight = MaxMin(alpha, beta).assigned(
        instances, Batch(torch.zeros(1), torch.full((1, 1), value), known, valid)
    )
    return target[0, :, 0].tolist(), weight[0, :, 0].tolist()


def test_all_of_a_negative_bag_are_negative() -> None:
    assert example(0.0, [3.0, 1.0, 2.0], 0.1, 0.0) == ([0, 0, 0], [1, 1, 1])


def test_extremes_of_a_positive_bag_get_labels_and_the_rest_none() -> None:
    target, weight = example(1.0, [4.0, 1.0, 3.0, 2.0], 0.25, 0.5)
    assert target == [1, 0, 0, 0]
    assert weight == [1, 1, 0, 1]


def test_a_share_of_a_small_bag_that_rounds_to_none_still_chooses_one() -> None:
    target, _ = example(1.0, [1.0, 2.0, 0.0], 0.1, 0.0)  # int(.1 * 3) is 0
    assert target == [0, 1, 0]
    instances = torch.tensor([[[1.0], [2.0], [0.0]]], requires_grad=True)
    valid, known = torch.ones(1, 3, dtype=torch.bool), torch.ones(1, 1, dtype=torch.bool)
    batch = Batch(torch.zeros(1), torch.ones(1, 1), known, valid)
    value = MaxMin(0.1)(Output(torch.zeros(1, 1), instances=instances), batch)
    assert value.item() == pytest.approx(float(torch.nn.functional.softplus(torch.tensor(-2.0))))


def test_shares_that_overlap_are_refused() -> None:
    with pytest.raises(SpecError, match="alpha"):
        MaxMin(0.8, 0.5)
