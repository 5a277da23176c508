"""What every pooling promises, and values worked by hand."""

import math

import pytest
import torch
from torch import Tensor

from inklings.models.pooling import POOLINGS
from inklings.models.pooling.mean import Mean
from inklings.models.pooling.noisy_or import NoisyOr
from inklings.tensors import Output

D, K = 6, 2
POOLED = sorted(POOLINGS)


def build(name: str, **options: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return POOLINGS.build(name, {"features": D, "channels": K, **options}).eval()  # type: ignore


def full(bag: Tensor) -> tuple[Tensor, Tensor]:
    return bag[None], torch.ones(1, len(bag), dtype=torch.bool)


@pytest.mark.parametrize("name", POOLED)
@pytest.mark.parametrize("count", [1, 2, 7, 10_000])
def test_order_and_padding_change_nothing(name: str, count: int) -> None:
    pool = build(name)
    rng = torch.Generator().manual_seed(1)
    bag = torch.randn((count, D), generator=rng)
    other = torch.randn((5, D), generator=rng)
    padded = torch.full((2, max(count, 5) + 3, D), 7.7)
    valid = torch.zeros(padded.shape[:2], dtype=torch.bool)
    padded[0, :count] = bag[torch.randperm(count, generator=rng)]
    padded[1, :5] = other
    valid[0, :count], valid[1, :5] = True, True
    with torch.no_grad():
        alone, both = pool(*full(bag)), pool(padded, valid)
    assert torch.allclose(both.logits[0], alone.logits[0], atol=1e-5, rtol=0)
    if both.attention is not None:
        assert (both.attention[~valid] == 0).all()
        assert torch.allclose(both.attention.sum(1), torch.ones(()), atol=1e-4)


@pytest.mark.parametrize("name", POOLED)
def test_no_gradient_reaches_padding_and_some_reaches_every_weight(name: str) -> None:
    pool = build(name).train()
    features = torch.randn((3, 9, D), generator=torch.Generator().manual_seed(2))
    features.requires_grad_()
    valid = torch.arange(9) < torch.tensor([9, 4, 1])[:, None]
    output = pool(features, valid)
    total = output.logits.square().sum()
    for extra in (output.second, output.clusters):
        total = total if extra is None else total + extra.square().sum()
    total.backward()
    assert features.grad is not None
    assert (features.grad[~valid] == 0).all() or output.clusters is not None
    assert torch.isfinite(features.grad).all()
    lame = [n for n, p in pool.named_parameters() if p.grad is None]
    assert not lame


@pytest.mark.parametrize("name", POOLED)
def test_an_instance_alone_is_a_bag_of_one(name: str) -> None:
    pool = build(name)
    bag = torch.randn((4, D), generator=torch.Generator().manual_seed(3))
    output: Output = pool(*full(bag))
    if output.instances is None:
        return
    alone = torch.cat([pool(*full(one[None])).logits for one in bag])
    if name not in ("dsmil", "noisy_and"):  # two streams; a threshold on the share
        assert torch.allclose(output.instances[0], alone, atol=1e-4)
    else:
        assert (output.instances[0].argsort(0)[-1] == alone.argsort(0)[-1]).any()


@pytest.mark.parametrize("name", POOLED)
def test_contributions_add_up_to_the_bag(name: str) -> None:
    pool = build(name)
    bags = torch.randn((2, 5, D), generator=torch.Generator().manual_seed(4))
    output: Output = pool(bags, torch.ones(2, 5, dtype=torch.bool))
    if output.contributions is None:
        return
    rest = output.logits - output.contributions.sum(1)
    assert torch.allclose(rest[0], rest[1], atol=1e-5)


def with_logits(name: str, logits: list[float], **options: object) -> float:
    """The bag's logit where the instances have ``logits``."""
    pool = POOLINGS.build(name, {"features": 1, "channels": 1, **options})
    with torch.no_grad():
        pool.head.weight.fill_(1.0)  # type: ignore[attr-defined]
        pool.head.bias.fill_(0.0)  # type: ignore[attr-defined]
        return float(pool(*full(torch.tensor(logits)[:, None])).logits)


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_values_worked_by_hand() -> None:
    assert with_logits("noisy_or", [0.0, 0.0]) == pytest.approx(logit(0.75), abs=1e-5)
    assert with_logits("max", [-3.0, 2.0]) == pytest.approx(2.0)
    assert with_logits("mean", [-3.0, 2.0]) == pytest.approx(-0.5)
    assert with_logits("isr", [0.0, 0.0]) == pytest.approx(math.log(2), abs=1e-6)
    lse = math.log((math.exp(4) + math.exp(-4)) / 2) / 4
    assert with_logits("lse", [1.0, -1.0]) == pytest.approx(lse, abs=1e-5)
    mean = math.sqrt((0.9**2 + 0.1**2) / 2)
    two = with_logits("generalised_mean", [logit(0.9), logit(0.1)], power=2.0)
    assert two == pytest.approx(logit(mean), abs=1e-4)
    s = torch.sigmoid
    low, high = s(torch.tensor(-0.1)), s(torch.tensor(9.9))
    p = float((s(torch.tensor(10 * (0.5 - 0.01))) - low) / (high - low))
    assert with_logits("noisy_and", [0.0, 0.0]) == pytest.approx(logit(p), abs=1e-3)
    assert with_logits("max_min", [3.0, 1.0, -5.0, -9.0], alpha=0.5) == pytest.approx(2.0)
    assert with_logits("max_min", [3.0, 1.0], alpha=0.1) == pytest.approx(3.0)


def test_noisy_or_of_ten_thousand_sure_negatives_is_neither_zero_nor_lost() -> None:
    pool = NoisyOr(1, 1)
    with torch.no_grad():
        pool.head.weight.fill_(1.0)
        pool.head.bias.fill_(0.0)
    bag = torch.full((10_000, 1), -20.0, requires_grad=True)
    value = pool(*full(bag)).logits
    value.sum().backward()
    assert value.item() == pytest.approx(logit(1e4 * 2.061e-9), abs=1e-2)
    assert bag.grad is not None
    assert (bag.grad > 0).all()


def test_the_mlp_head_of_the_reference_is_to_be_had() -> None:
    pool = Mean(512, 1, head={"name": "mlp", "hidden": 1024, "dropout": 0.2})
    assert sum(p.numel() for p in pool.parameters()) == 512 * 1024 + 1024 + 1024 + 1
