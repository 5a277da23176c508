"""The loss of bags."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.losses.bag import BagLoss
from inklings.tensors import Batch, Output


def batch(value: list[list[float]], known: list[list[bool]] | None = None) -> Batch:
    y = torch.tensor(value)
    k = torch.ones_like(y, dtype=torch.bool) if known is None else torch.tensor(known)
    return Batch(torch.zeros(1), y, k, torch.ones(len(y), 4, dtype=torch.bool))


def test_it_is_cross_entropy_of_logits() -> None:
    logits = torch.tensor([[2.0], [-1.0]])
    expected = F.binary_cross_entropy_with_logits(logits, torch.tensor([[1.0], [0.0]]))
    assert BagLoss()(Output(logits), batch([[1.0], [0.0]])) == expected


def test_classes_that_exclude_one_another_share_one_softmax() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0]])
    expected = F.cross_entropy(logits, torch.tensor([1]))
    value = BagLoss(exclusive=True)(Output(logits), batch([[0.0, 1.0, 0.0]]))
    assert value.item() == pytest.approx(expected.item())


def test_unknown_answers_are_not_looked_at() -> None:
    known = [[True, False]]
    one = BagLoss()(Output(torch.tensor([[1.0, 50.0]])), batch([[1.0, 0.0]], known))
    other = BagLoss()(Output(torch.tensor([[1.0, -50.0]])), batch([[1.0, 1.0]], known))
    assert one == other


def test_nothing_known_is_no_reason_to_move() -> None:
    logits = torch.zeros(1, 1, requires_grad=True)
    value = BagLoss()(Output(logits), batch([[1.0]], [[False]]))
    value.backward()
    assert value == 0
    assert logits.grad is not None
    assert logits.grad.item() == 0


def test_both_streams_of_dsmil_are_averaged() -> None:
    a, b = torch.tensor([[2.0]]), torch.tensor([[-2.0]])
    target = batch([[1.0]])
    alone = [BagLoss()(Output(x), target) for x in (a, b)]
    assert BagLoss()(Output(a, second=b), target) == pytest.approx(float(sum(alone)) / 2)


def test_elastic_net_is_the_references() -> None:
    net = nn.Linear(2, 1)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, -3.0]]))
    loss = BagLoss(elastic=0.005, mix=0.5)
    loss.attach(net)
    plain = BagLoss()(Output(torch.zeros(1, 1)), batch([[1.0]]))
    expected = 0.005 * (0.5 * 2.0 + 0.5 * 5.0)  # mean |w| is 2, mean w^2 is 5; biases are left out
    value = loss(Output(torch.zeros(1, 1)), batch([[1.0]]))
    assert (value - plain).item() == pytest.approx(expected, rel=1e-5)
    assert not list(loss.parameters())


def test_clustering_pulls_the_extremes_of_a_positive_bag_apart() -> None:
    clusters = torch.zeros(1, 4, 1, 2, requires_grad=True)
    attention = torch.tensor([[0.1, 0.6, 0.1, 0.2]])
    output = Output(torch.zeros(1, 1), attention, clusters=clusters)
    BagLoss(attended=1)(output, batch([[1.0]])).backward()
    assert clusters.grad is not None
    toward_yes = -clusters.grad[0, :, 0, 1]
    assert toward_yes[1] > 0  # the most attended
    assert (toward_yes[[0, 2]] <= 0).all()
    assert toward_yes[3] == 0


def test_a_bag_of_one_instance_clusters_without_error() -> None:
    clusters = torch.zeros(1, 1, 1, 2)
    valid = torch.ones(1, 1, dtype=torch.bool)
    target = Batch(torch.zeros(1), torch.ones(1, 1), torch.ones(1, 1, dtype=torch.bool), valid)
    value = BagLoss()(Output(torch.zeros(1, 1), torch.ones(1, 1), clusters=clusters), target)
    assert torch.isfinite(value)


def test_impossible_options_are_refused() -> None:
    with pytest.raises(SpecError, match="clustering in"):
        BagLoss(clustering=1.5)
