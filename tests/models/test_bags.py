"""The network for bags."""

import pytest
import torch
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.losses.bag import BagLoss
from inklings.models.bags import BagModel
from inklings.models.pooling import POOLINGS
from inklings.models.pooling.base import Attending
from inklings.tensors import Batch

VALID = torch.arange(5) < torch.tensor([5, 2, 1])[:, None]


def model(**options: object) -> BagModel:
    torch.manual_seed(0)
    return BagModel(4, 1, shape=(4,), **options)  # type: ignore[arg-type]


def test_chunks_give_the_same_gradients() -> None:
    inputs = torch.randn((8, 4), generator=torch.Generator().manual_seed(1))
    grads = []
    for chunk in (None, 3):
        net = model(encoder={"name": "mlp", "hidden": [16]}, chunk=chunk)
        net(inputs, VALID).logits.square().sum().backward()
        grads.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    for one, other in zip(*grads, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_a_bag_does_not_know_its_neighbours() -> None:
    net = model(encoder={"name": "mlp", "hidden": [16]}).eval()
    inputs = torch.randn((8, 4), generator=torch.Generator().manual_seed(1))
    together = net(inputs, VALID).logits
    apart = [net(part).logits for part in inputs.split([5, 2, 1])]
    assert torch.allclose(together, torch.cat(apart), atol=1e-6)


def test_a_step_with_a_single_instance_is_possible() -> None:
    net = BagModel(1, 1, shape=(1, 8, 8), encoder="small_cnn").train()
    assert torch.isfinite(net(torch.zeros(1, 1, 8, 8)).logits).all()


def test_inputs_are_standardised_feature_by_feature_and_constants_left_alone() -> None:
    net = model()
    data = torch.tensor([[0.0, 10, 5, 1], [2, 30, 5, 3]])
    net.standardise(data)
    assert net.centre.tolist() == [1, 20, 5, 2]
    assert net.spread.tolist() == [1, 10, 1, 1]
    assert net.encode(data).tolist() == [[-1, -1, 0, -1], [1, 1, 0, 1]]


def test_logits_are_logits_so_that_softmax_is_taken_once() -> None:
    net = model(pooling="mean")
    big = net(torch.full((3, 4), 1000.0)).logits
    assert big.abs().max() > 1  # the reference feeds probabilities to a loss that wants logits


def test_members_learn_each_for_itself_and_answer_as_one() -> None:
    torch.manual_seed(0)
    encoder = {"name": "mlp", "hidden": [8]}
    net = BagModel(4, 1, (4,), encoder=encoder, pooling="lse", members=3)
    inputs = torch.randn((8, 4), generator=torch.Generator().manual_seed(1))
    net.standardise(inputs)
    value = torch.tensor([[1.0], [0.0], [1.0]])
    batch = Batch(inputs, value, torch.ones(3, 1, dtype=torch.bool), VALID)
    said = net.train()(inputs, VALID)
    BagLoss()(said, batch).backward()
    mine = net.pooling.head.weight.grad.clone()
    each = [
        F.binary_cross_entropy_with_logits(way, value)
        for way in (said.logits.detach(), *said.second.detach().unbind(1))
    ]
    assert float(BagLoss()(said, batch).detach()) == pytest.approx(float(torch.stack(each).mean()))
    for other in net.others:
        for p in other.parameters():
            p.data.mul_(3)
    net.zero_grad()
    BagLoss()(net(inputs, VALID), batch).backward()
    assert torch.allclose(net.pooling.head.weight.grad, mine)  # what others say is not felt
    with torch.no_grad():
        together = net.eval()(inputs, VALID)
        apart = [part(inputs, VALID) for part in net.others]
        net.others = torch.nn.ModuleList()
        apart.append(net(inputs, VALID))
    assert torch.allclose(together.logits, sum(o.logits for o in apart) / 3, atol=1e-6)
    assert torch.allclose(together.instances, sum(o.instances for o in apart) / 3, atol=1e-6)


def test_counts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SpecError, match="expected 8 instances, got 3"):
        model()(torch.zeros(3, 4), VALID)


@pytest.mark.parametrize("name", sorted(POOLINGS))
@pytest.mark.parametrize("head", [None, {"name": "mlp", "hidden": 8, "dropout": 0.0}])
def test_gradients_are_the_same_where_instances_are_not_answered_for(
    name: str, head: object
) -> None:
    if head is not None and name in ("clam_mb", "transmil", "dsmil", "isr"):
        pytest.skip("takes no head")
    inputs = torch.randn((8, 4), generator=torch.Generator().manual_seed(1))
    grads = []
    for wanted in (True, False):
        net = model(pooling={"name": name, "dropout": 0.0} if "clam" in name else name, head=head)
        net.answer_instances(wanted)
        torch.manual_seed(2)
        said = net.train()(inputs, VALID)
        if isinstance(net.pooling, Attending):
            assert (said.instances is not None) == wanted
        said.logits.square().sum().backward()
        grads.append([p.grad for p in net.parameters() if p.grad is not None])
        said = net.eval()(inputs, VALID)
        assert said.instances is not None or name not in ("attention", "additive", "clam_mb")
    for one, other in zip(*grads, strict=True):
        assert torch.equal(one, other)
