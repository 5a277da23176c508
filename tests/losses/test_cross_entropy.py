import math

import pytest
import torch
from torch import nn

from inklings.errors import SpecError
from inklings.losses.cross_entropy import CrossEntropy
from inklings.tensors import Batch, Output
from inklings.testing.contracts import LossContract


class TestCrossEntropy(LossContract):
    def build(self) -> nn.Module:
        return CrossEntropy()


def two_samples(values: list[list[float]], known: list[int]) -> Batch:
    value = torch.tensor(values).T.reshape(1, 3, 1, 2)
    return Batch(value, value, torch.tensor(known).bool().reshape(1, 1, 1, 2))


PROBABILITIES = torch.tensor([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]]).T.reshape(1, 3, 1, 2)


def test_is_the_mean_negative_log_probability_of_the_class():
    batch = two_samples([[1, 0, 0], [0, 0, 1]], [1, 1])
    expected = -(math.log(0.7) + math.log(0.5)) / 2
    assert CrossEntropy()(Output(PROBABILITIES.log()), batch).item() == pytest.approx(expected)


def test_leaves_unknown_samples_out():
    batch = two_samples([[1, 0, 0], [0, 0, 1]], [1, 0])
    assert CrossEntropy()(Output(PROBABILITIES.log()), batch).item() == pytest.approx(
        -math.log(0.7)
    )


def test_soft_targets_mix_the_classes():
    batch = two_samples([[0.5, 0.5, 0], [0, 0, 1]], [1, 0])
    expected = -(math.log(0.7) + math.log(0.2)) / 2
    assert CrossEntropy()(Output(PROBABILITIES.log()), batch).item() == pytest.approx(expected)


def test_agrees_with_torch_on_one_hot_targets():
    logits = torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    index = torch.randint(4, (2, 5, 6), generator=torch.Generator().manual_seed(1))
    value = nn.functional.one_hot(index, 4).movedim(-1, 1).float()
    batch = Batch(logits, value, torch.ones(2, 1, 5, 6, dtype=torch.bool))
    expected = nn.functional.cross_entropy(logits, index).item()
    assert CrossEntropy()(Output(logits), batch).item() == pytest.approx(expected)


def test_refuses_one_channel():
    one = torch.zeros(1, 1, 2, 2)
    with pytest.raises(SpecError, match="two or more channels, got 1; take bce"):
        CrossEntropy()(Output(one), Batch(one, one, one.bool()))
