import math

import pytest
import torch

from inklings.errors import SpecError
from inklings.losses.base import known_mask, per_channel, total, valid_mask, weighted_mean
from inklings.losses.bce import BCE
from inklings.tensors import Batch, Output


def test_masks_are_left_out_where_they_would_select_everything():
    ones = torch.ones(2, 1, 4, 4)
    batch = Batch(ones, ones, ones.bool(), ones.bool())
    assert known_mask(Output(ones), batch) is None
    assert valid_mask(Output(ones), batch) is None


def test_known_samples_that_are_padding_are_not_known():
    ones = torch.ones(1, 1, 1, 3)
    known = torch.tensor([True, True, False]).reshape(1, 1, 1, 3)
    valid = torch.tensor([True, False, True]).reshape(1, 1, 1, 3)
    mask = known_mask(Output(ones), Batch(ones, ones, known, valid))
    assert mask is not None
    assert mask.flatten().tolist() == [True, False, False]


def test_the_valid_of_bags_speaks_of_instances_and_hides_no_bag():
    batch = Batch(
        torch.zeros(2, 5, 3), torch.ones(2, 1), torch.ones(2, 1).bool(), torch.zeros(2, 5).bool()
    )
    assert known_mask(Output(torch.zeros(2, 1)), batch) is None


def test_weighted_mean_of_two_of_three_samples():
    mask = torch.tensor([True, False, True]).reshape(1, 1, 3)
    assert weighted_mean(torch.tensor([[[1.0, 50.0, 3.0]]]), mask).item() == 2


def test_one_number_serves_every_channel_and_a_wrong_count_is_refused():
    logits = torch.zeros(2, 3, 4, 4)
    assert per_channel(torch.tensor([0.5]), logits, "x").shape == (1, 3, 1, 1)
    assert per_channel(torch.tensor([0.1, 0.2, 0.3]), logits, "x").flatten().tolist() == (
        pytest.approx([0.1, 0.2, 0.3])
    )
    with pytest.raises(SpecError, match="x: expected one number or 3, got 2"):
        per_channel(torch.tensor([0.1, 0.2]), logits, "x")


def test_what_is_assumed_is_a_mean_of_its_own_beside_what_is_known() -> None:
    """One known pixel and three assumed ones: their shares do not depend on how many there are."""
    logits = torch.tensor([[[[0.0, 2.0, 2.0, 2.0]]]])
    value = torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]])
    known = value.bool()
    batch = Batch(logits, value, known, None, ~known, 0.5)
    expected = math.log(2) + 0.5 * math.log1p(math.exp(2))
    assert float(total(BCE(), Output(logits), batch)) == pytest.approx(expected)
    assert float(total(BCE(), Output(logits), Batch(logits, value, known))) == pytest.approx(
        math.log(2)
    )
