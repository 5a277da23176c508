"""Bags of very different sizes in one batch."""

import pytest
import torch

from inklings.models.pooling import POOLINGS
from inklings.models.uneven import alike, pool_groups
from inklings.tensors import Output

SIZES = torch.tensor([3, 400, 1, 90, 2])
VALID = torch.arange(400) < SIZES[:, None]


def test_bags_of_about_one_size_stay_together() -> None:
    assert alike(torch.arange(7) < torch.tensor([3, 7, 5, 4])[:, None]) == [[0, 1, 2, 3]]


def test_a_large_bag_does_not_pad_the_small_ones() -> None:
    groups = alike(VALID)
    assert groups == [[1], [3], [0, 4, 2]]
    padded = sum(len(rows) * int(SIZES[rows].max()) for rows in groups)
    assert padded == 400 + 90 + 9 < VALID.numel() / 4


@pytest.mark.parametrize("groups", [alike(VALID), alike(VALID, 4096)], ids=["groups", "each"])
@pytest.mark.parametrize("name", sorted(POOLINGS))
def test_in_groups_or_at_once_every_pooling_says_the_same(
    name: str, groups: list[list[int]]
) -> None:
    torch.manual_seed(0)
    pooling = POOLINGS.build(name, {"features": 6, "channels": 2}).eval()  # type: ignore[attr-defined]
    features = torch.randn((int(SIZES.sum()), 6), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        once = pool_groups(pooling, features, VALID, [list(range(5))])
        parted = pool_groups(pooling, features, VALID, groups)
    for field in ("logits", "attention", "instances", "contributions", "second", "clusters"):
        one, other = getattr(once, field), getattr(parted, field)
        assert (one is None) == (other is None)
        if one is not None:
            there = slice(None) if field in ("logits", "second") else VALID
            assert torch.allclose(one[there], other[there], atol=1e-5)


def test_bags_of_many_numbers_are_views_where_copies_cost_more_than_calls() -> None:
    assert alike(VALID, 64) == alike(VALID)
    assert alike(VALID, 4096) == [[0], [1], [2], [3], [4]]
    full = torch.ones((3, 400), dtype=torch.bool)
    assert alike(full, 4096) == [[0, 1, 2]]  # nothing is padded, so nothing is copied
    features, seen = torch.randn(1200, 6), []

    def pooling(padded: torch.Tensor, valid: torch.Tensor) -> Output:
        seen.append(padded.data_ptr())
        return Output(padded.sum(1) * valid[:, :1])

    pool_groups(pooling, features, full, alike(full, 4096))  # type: ignore[arg-type]
    sizes = torch.arange(400) < torch.tensor([300, 400, 400, 100])[:, None]
    pool_groups(pooling, features, sizes, [[0], [1], [2], [3]])  # type: ignore[arg-type]
    starts = [0, *sizes.sum(1).cumsum(0).tolist()[:-1]]
    assert seen == [features.data_ptr(), *(features[i:].data_ptr() for i in starts)]


def test_gradients_are_those_of_all_bags_at_once() -> None:
    torch.manual_seed(0)
    pooling = POOLINGS.build("gated_attention", {"features": 6, "channels": 1})
    features = torch.randn((int(SIZES.sum()), 6), generator=torch.Generator().manual_seed(1))
    found = []
    for groups in ([list(range(5))], alike(VALID), alike(VALID, 4096)):
        leaf = features.clone().requires_grad_()
        pool_groups(pooling, leaf, VALID, groups).logits.square().sum().backward()
        found.append(leaf.grad)
    assert all(torch.allclose(found[0], other, atol=1e-6) for other in found[1:])
