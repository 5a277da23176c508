import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from inklings.errors import SpecError
from inklings.losses.nnpu import NNPU
from inklings.losses.pnu import PNU
from inklings.losses.risk import (
    PriorRisk,
    check_choices,
    check_prior,
    class_mean,
    groups,
    losses_of,
)
from inklings.losses.upu import UPU
from inklings.tensors import Batch, Output


def four_samples() -> tuple[Output, Batch]:
    """A labelled positive, a labelled negative, an unlabelled sample, and padding."""
    value = torch.tensor([1.0, 0.0, 1.0, 1.0]).reshape(1, 1, 1, 4)
    known = torch.tensor([True, True, False, True]).reshape(1, 1, 1, 4)
    valid = torch.tensor([True, True, True, False]).reshape(1, 1, 1, 4)
    return Output(torch.zeros_like(value)), Batch(value, value, known, valid)


def test_all_counts_the_labelled_among_the_unlabelled_and_rest_does_not():
    everything, rest = (groups(*four_samples(), kind) for kind in ("all", "rest"))
    assert everything.positive.flatten().tolist() == [True, False, False, False]
    assert everything.negative.flatten().tolist() == [False, True, False, False]
    assert everything.unlabelled.flatten().tolist() == [True, True, True, False]
    assert rest.unlabelled.flatten().tolist() == [False, False, True, False]


def test_samples_outside_a_group_add_nothing_to_its_mean():
    # A public Keras code takes the loss of every sample times its membership, so that outsiders
    # add sigmoid(0) = .5 each: here (0.1 + .5 + .5) / 1 instead of 0.1.
    logits = torch.tensor([math.log(9.0), 0.0, 0.0]).reshape(1, 1, 1, 3)
    member = torch.tensor([True, False, False]).reshape(1, 1, 1, 3)
    as_positive, _ = losses_of(logits, "sigmoid")
    assert class_mean(as_positive, member).tolist() == pytest.approx([0.1])


def test_mean_of_nobody_is_zero_with_a_gradient():
    terms = torch.ones(1, 2, 1, 3, requires_grad=True)
    mean = class_mean(terms, torch.zeros(1, 1, 1, 3, dtype=torch.bool))
    mean.sum().backward()
    assert mean.tolist() == [0, 0]
    assert terms.grad.abs().sum() == 0


def test_surrogates_at_a_probability_of_three_quarters():
    logit = torch.tensor([math.log(3.0)])
    assert [x.item() for x in losses_of(logit, "sigmoid")] == pytest.approx([0.25, 0.75])
    assert [x.item() for x in losses_of(logit, "logistic")] == pytest.approx(
        [-math.log(0.75), -math.log(0.25)]
    )
    # e^f and e^-f are sqrt(3) and 1 / sqrt(3): the shares of a softmax over both are 3/4 and 1/4
    # of f / 2, so at f itself 9/10 and 1/10.
    assert [x.item() for x in losses_of(logit, "softmax")] == pytest.approx([0.1, 0.9])
    both = torch.stack([logit, -logit]).softmax(0).flatten()
    assert [x.item() for x in losses_of(logit, "softmax")] == pytest.approx(both.flip(0).tolist())


@pytest.mark.parametrize("kind", [NNPU, UPU, PNU])
def test_a_temperature_divides_the_logits(kind: type[PriorRisk], row: Any) -> None:
    batch = row.batch([1, 0, 0], [1, 1, 0])
    warm = kind(prior=0.4, temperature=2.0)(row.logits(3.0, -1.0, 0.5), batch)
    plain = kind(prior=0.4)(row.logits(1.5, -0.5, 0.25), batch)
    assert warm.item() == pytest.approx(plain.item(), abs=1e-7)
    with pytest.raises(SpecError, match=f"loss {kind.name}: expected temperature > 0, got 0"):
        kind(prior=0.4, temperature=0)


@pytest.mark.parametrize("loss", [NNPU, UPU, partial(PNU, eta=1), partial(PNU, eta=-1), PNU])
def test_where_every_sample_is_known_it_is_the_supervised_risk(
    loss: Callable[..., PriorRisk], row: Any
) -> None:
    # Labelled positives of probability .8 and .6, a negative of .3: E_P l(f) = .3, E_N l(-f) = .3.
    batch = row.batch([1, 1, 0], [1, 1, 1])
    found = loss(prior=0.4, unlabelled="rest")(row.probabilities(0.8, 0.6, 0.3), batch)
    assert found.item() == pytest.approx(0.4 * 0.3 + 0.6 * 0.3, abs=1e-6)


@pytest.mark.parametrize("prior", [0, 1, -0.1, "auto", [], [0.1, 1.2], None])
def test_refuses_what_is_no_share(prior):
    with pytest.raises(SpecError, match="loss x: expected prior to be the share of positives"):
        check_prior("x", prior)


def test_refuses_unknown_choices():
    with pytest.raises(SpecError, match="expected one of sigmoid, logistic, softmax, got 'hinge'"):
        check_choices("x", "hinge", "all")
    with pytest.raises(SpecError, match="unlabelled: expected all or rest, got 'some'"):
        check_choices("x", "sigmoid", "some")
