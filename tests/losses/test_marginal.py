"""What is not annotated is a union of classes for exclusive losses, and not looked at by others."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from inklings.losses import LOSSES
from inklings.losses.marginal import marginal
from inklings.tensors import Batch, Output

EXCLUSIVE = {
    "cross_entropy": {},
    "dice": {"exclusive": True},
    "tversky": {"exclusive": True, "over": "sample"},
    "focal": {"exclusive": True, "alpha": None},
    "gce": {"exclusive": True},
}
APART = {
    "bce": {},
    "dice": {},
    "tversky": {"over": "sample"},
    "bce_dice": {},
    "focal": {},
    "gce": {},
    "luna_dice": {},
}
SHAPES = [(2, 3, 6, 5), (1, 4, 3, 4, 5)]


def example(shape: tuple[int, ...], seed: int = 0) -> tuple[Tensor, Tensor, torch.Generator]:
    """Logits, and the one class of each sample, one-hot."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape, generator=generator) * 2
    index = torch.randint(shape[1], (shape[0], *shape[2:]), generator=generator)
    value = torch.nn.functional.one_hot(index, shape[1]).movedim(-1, 1).float().contiguous()
    return logits, value, generator


def unannotated(value: Tensor, classes: tuple[int, ...]) -> Batch:
    """Classes that nobody drew: where they are, or the background is, either may be."""
    known = torch.ones_like(value, dtype=torch.bool)
    known[:, [0, *classes]] = False
    return Batch(value, value * known, known)


def merged(values: Tensor, classes: tuple[int, ...]) -> Tensor:
    """The same with one channel for the background and ``classes``, in the first place."""
    rest = [k for k in range(1, values.shape[1]) if k not in classes]
    return torch.cat([values[:, [0, *classes]].sum(1, keepdim=True), values[:, rest]], 1)


@pytest.mark.parametrize(("name", "options"), [*EXCLUSIVE.items()], ids=[*EXCLUSIVE])
@pytest.mark.parametrize("shape", SHAPES, ids=["image", "volume"])
def test_a_marginal_loss_is_that_of_a_network_whose_channels_were_added(name, options, shape):
    """Computed apart, on probabilities that were added: of all sets of unannotated classes."""
    loss = LOSSES.build(name, options)
    logits, value, _ = example(shape)
    for count in range(1, shape[1] - 1):
        for classes in itertools.combinations(range(1, shape[1]), count):
            found = loss(Output(logits), unannotated(value, classes))
            whole = merged(value, classes)
            fewer = merged(torch.softmax(logits, 1), classes).log()
            expected = loss(Output(fewer), Batch(value, whole, torch.ones_like(whole[:, :1]) > 0))
            if name in ("dice", "tversky"):  # a mean over channels, of which those left out cost 0
                expected = expected * whole.shape[1] / shape[1]
            torch.testing.assert_close(found, expected)


def test_cross_entropy_of_a_union_is_the_value_worked_by_hand() -> None:
    """Three classes of probability 0.2, 0.3 and 0.5; two samples, the last class unannotated."""
    logits = torch.tensor([0.2, 0.3, 0.5]).log().reshape(1, 3, 1, 1).expand(1, 3, 1, 2)
    value = torch.tensor([[0.0, 0], [0, 1], [0, 0]]).reshape(1, 3, 1, 2)
    known = torch.tensor([[False, True], [True, True], [False, True]]).reshape(1, 3, 1, 2)
    found = LOSSES.build("cross_entropy", {})(Output(logits), Batch(value, value, known))
    assert float(found) == pytest.approx((-math.log(0.7) - math.log(0.3)) / 2)


@pytest.mark.parametrize("classes", [(1,), (2,), (1, 2)])
def test_a_sample_drawn_as_one_class_is_learnt_as_if_all_were_annotated(classes) -> None:
    logits, value, _ = example((2, 4, 6, 5))
    loss = LOSSES.build("cross_entropy", {})
    drawn = value[:, 3:]
    value = torch.cat([value[:, :3] * (1 - drawn), drawn], 1)
    partly = unannotated(value, classes)
    union = -torch.softmax(logits, 1)[:, [0, *classes]].sum(1, keepdim=True).log()
    known = torch.ones_like(drawn, dtype=torch.bool)
    rest = (value[:, [0, *classes]].sum(1, keepdim=True) > 0).float()
    whole = loss(Output(logits), Batch(value, value, known & (rest == 0)))
    expected = (whole * (rest == 0).sum() + (union * rest).sum()) / rest.numel()
    torch.testing.assert_close(loss(Output(logits), partly), expected)


@pytest.mark.parametrize(
    ("name", "options"),
    [*EXCLUSIVE.items(), *APART.items()],
    ids=[*(f"{name}-exclusive" for name in EXCLUSIVE), *APART],
)
@pytest.mark.parametrize("shape", SHAPES, ids=["image", "volume"])
@pytest.mark.parametrize("share", [0.6, 1.0])
def test_knowing_all_classes_alike_is_the_loss_of_one_mask(name, options, shape, share) -> None:
    loss = LOSSES.build(name, options)
    logits, value, generator = example(shape)
    known = torch.rand((shape[0], 1, *shape[2:]), generator=generator) < share
    one, each = (Batch(value, value, mask) for mask in (known, known.expand_as(value)))
    assert float(loss(Output(logits), each)) == pytest.approx(
        float(loss(Output(logits), one)), rel=1e-6
    )
    if name == "cross_entropy":
        assert loss(Output(logits), each) == loss(Output(logits), one)


@pytest.mark.parametrize(("name", "options"), [*APART.items()], ids=[*APART])
@pytest.mark.parametrize("shape", SHAPES, ids=["image", "volume"])
def test_a_channel_is_not_moved_where_it_is_not_known(name, options, shape) -> None:
    loss = LOSSES.build(name, options)
    logits, value, generator = example(shape)
    known = torch.rand(shape, generator=generator) < 0.5
    known[:, 1] = False
    logits.requires_grad_()
    before = loss(Output(logits), Batch(value, value, known))
    before.backward()
    assert logits.grad is not None
    assert not logits.grad[~known].any()
    assert logits.grad[known].any()
    other = torch.where(known, value, 1 - value)
    assert loss(Output(logits), Batch(value, other, known)) == before


@pytest.mark.parametrize("over", ["batch", "sample"])
def test_a_channel_of_which_nothing_is_known_takes_no_part_in_the_mean(over: str) -> None:
    logits, value, _ = example(SHAPES[0])
    known = torch.ones_like(value, dtype=torch.bool)
    known[:, 1] = False
    loss = LOSSES.build("dice", {"over": over})
    kept = [0, 2]
    fewer = Batch(value, value[:, kept], known[:, :1])
    expected = loss(Output(logits[:, kept]), fewer)
    torch.testing.assert_close(loss(Output(logits), Batch(value, value, known)), expected)


def test_where_nothing_is_known_or_nothing_follows_nothing_moves() -> None:
    logits, value, _ = example(SHAPES[0])
    logits.requires_grad_()
    nothing = torch.zeros_like(value, dtype=torch.bool)
    loss = LOSSES.build("cross_entropy", {})(Output(logits), Batch(value, value, nothing))
    loss.backward()
    assert loss == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_huge_logits_stay_finite() -> None:
    logits, value, _ = example(SHAPES[0])
    batch = unannotated(value, (1,))
    for size in (1e2, 1e4):
        big = (logits * size).requires_grad_()
        for name, options in EXCLUSIVE.items():
            found = LOSSES.build(name, options)(Output(big), batch)
            found.backward()
            assert torch.isfinite(found)
            assert big.grad is not None
            assert torch.isfinite(big.grad).all()


def test_the_merged_question_has_one_answer_for_each_sample() -> None:
    logits, value, _ = example(SHAPES[1])
    output, batch = marginal(Output(logits), unannotated(value, (1, 3)))
    torch.testing.assert_close(batch.value.sum(1), torch.ones_like(batch.value[:, 0]))
    shares = torch.softmax(output.logits, 1)
    torch.testing.assert_close(shares[:, 2], torch.softmax(logits, 1)[:, 2])
