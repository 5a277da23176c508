import pytest
import torch
from torch import nn

from inklings.errors import SpecError
from inklings.losses import LOSSES
from inklings.losses.bce import BCE
from inklings.losses.tversky import Tversky
from inklings.losses.weighted import Weighted
from inklings.tensors import Output
from inklings.testing.contracts import LossContract, example


class TestWeighted(LossContract):
    def build(self) -> nn.Module:
        return Weighted({"bce": 1, "dice": {"weight": 0.5, "over": "sample"}})


class TestWeightedWithUnlabelled(LossContract):
    def build(self) -> nn.Module:
        return Weighted({"bce": 1, "nnpu": {"weight": 0.5, "prior": 0.5}})


class TestExclusiveWeighted(LossContract):
    def build(self) -> nn.Module:
        return Weighted({"cross_entropy": 0.5, "dice": {"weight": 0.5, "exclusive": True}})


def test_is_the_weighted_sum_and_keeps_its_terms():
    logits, batch = example(BCE())
    bce, tversky = BCE()(Output(logits), batch), Tversky(beta=0.8)(Output(logits), batch)
    loss = Weighted({"bce": 2, "tversky": {"weight": 0.5, "beta": 0.8}})
    assert torch.isclose(loss(Output(logits), batch), 2 * bce + 0.5 * tversky)
    assert loss.terms == {"bce": bce, "tversky": tversky}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "got none"),
        ({"cross_entropy": 1, "bce": 1}, "agree on softmax or sigmoid"),
        ({"bce": {"positive_weight": 2}}, "expected a number as weight, got None"),
        ({"bce": True}, "expected a number as weight, got True"),
        ({"bcee": 1}, "did you mean 'bce'"),
        ({"bce": {"weight": 1, "gamma": 2}}, "unexpected keyword argument 'gamma'"),
    ],
)
def test_refuses_parts_that_make_no_sum(parts, message):
    with pytest.raises(SpecError, match=message):
        LOSSES.build("weighted", {"parts": parts})
