import math

import pytest
import torch

from inklings.errors import SpecError
from inklings.losses.risk import check_choices, check_prior, class_mean, groups, losses_of
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


@pytest.mark.parametrize("prior", [0, 1, -0.1, "auto", [], [0.1, 1.2], None])
def test_refuses_what_is_no_share(prior):
    with pytest.raises(SpecError, match="loss x: expected prior to be the share of positives"):
        check_prior("x", prior)


def test_refuses_unknown_choices():
    with pytest.raises(SpecError, match="surrogate: expected sigmoid or logistic, got 'hinge'"):
        check_choices("x", "hinge", "all")
    with pytest.raises(SpecError, match="unlabelled: expected all or rest, got 'some'"):
        check_choices("x", "sigmoid", "some")
