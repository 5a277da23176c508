"""Many networks as one."""

import pytest
import torch
from torch.nn import functional as F

from inklings.models.bags import BagModel
from inklings.models.ensemble import Ensemble, may_stack
from inklings.models.pooling import POOLINGS

SIZES = torch.tensor([3, 40, 1, 2])
VALID = torch.arange(40) < SIZES[:, None]
INPUTS = torch.randn((46, 5), generator=torch.Generator().manual_seed(0))


def members(pooling: str, dropout: float = 0.0) -> list[BagModel]:
    made = []
    for seed in range(3):
        torch.manual_seed(seed)
        encoder = {"name": "mlp", "hidden": [8], "dropout": dropout}
        made.append(BagModel(5, 2, (5,), encoder=encoder, pooling=pooling))
        made[-1].standardise(INPUTS[seed * 10 : seed * 10 + 20])
    return made


@pytest.mark.parametrize("pooling", sorted(set(POOLINGS) - {"transmil", "clam_sb", "clam_mb"}))
def test_a_committee_says_what_its_members_say(pooling: str) -> None:
    each = [member.eval() for member in members(pooling)]
    with torch.no_grad():
        together = Ensemble(each).eval()(INPUTS, VALID).logits
        apart = torch.cat([member(INPUTS, VALID).logits for member in each], 1)
    assert torch.allclose(together, apart, atol=1e-5)


def test_a_member_learns_from_the_bags_that_it_knows_and_from_no_other() -> None:
    each = members("gated_attention")
    value = torch.tensor([0.0, 1, 1, 0])[:, None].expand(4, 6)
    known = torch.ones(4, 6)
    known[1, 2:4] = 0  # the second member does not know the second bag
    committee = Ensemble(each).train()
    terms = F.binary_cross_entropy_with_logits(
        committee(INPUTS, VALID).logits, value, reduction="none"
    )
    (terms * known).sum().backward()
    alone = each[1].train()
    logits = alone(INPUTS, VALID).logits
    own = F.binary_cross_entropy_with_logits(logits, value[:, 2:4], reduction="none")
    (own * known[:, 2:4]).sum().backward()
    for name, weight in alone.named_parameters():
        stacked = committee.weights[name.replace(".", "|")].grad
        assert stacked is not None
        assert weight.grad is not None
        assert torch.allclose(stacked[1], weight.grad, atol=1e-5), name


def test_members_come_apart_as_they_were_and_dropout_is_their_own() -> None:
    each = members("attention", dropout=0.5)
    committee = Ensemble([each[0], each[0]])
    for member in committee.apart():
        for name, value in member.state_dict().items():
            assert torch.equal(value, each[0].state_dict()[name])
    said = committee.train()(INPUTS, VALID).logits
    assert not torch.allclose(said[:, :2], said[:, 2:])


def test_statistics_over_a_batch_and_chunks_are_not_for_committees() -> None:
    assert may_stack(members("lse")[0])
    assert not may_stack(BagModel(1, 1, (1, 28, 28), encoder="small_cnn"))
    assert not may_stack(BagModel(5, 1, (5,), chunk=3))
    assert not any(may_stack(members(name)[0]) for name in ("transmil", "clam_sb", "clam_mb"))
