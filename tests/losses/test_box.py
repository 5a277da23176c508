import math

import numpy as np
import pytest
import torch
from torch import nn

from inklings.errors import SpecError
from inklings.losses.box import BoxLoss, outlines
from inklings.tensors import Batch, Output
from inklings.testing.contracts import LossContract

BOX = (slice(2, 8), slice(3, 9))
PARTS = {"projection": 0.0, "fill": 0.0, "pairwise": 0.0}


class TestBoxLoss(LossContract):
    def build(self) -> nn.Module:
        return BoxLoss(pairwise=1)


def batch(inputs: torch.Tensor | None = None, where: tuple[slice, ...] = BOX) -> Batch:
    """One image of 12 x 12 with one box of 6 x 6."""
    objects = torch.zeros(1, 1, 12, 12, dtype=torch.int32)
    objects[(0, 0, *where)] = 5
    inputs = torch.zeros(1, 1, 12, 12) if inputs is None else inputs
    return Batch(inputs, (objects > 0).float(), objects == 0, objects=objects)


def certain(mask: torch.Tensor) -> Output:
    return Output((40.0 * mask.float() - 20).reshape(1, 1, 12, 12).requires_grad_())


def ellipse() -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(12), torch.arange(12), indexing="ij")
    return ((y - 4.5) / 3) ** 2 + ((x - 5.5) / 3) ** 2 <= 1


def only(**part: float) -> BoxLoss:
    return BoxLoss(**{**PARTS, **part})


def test_the_object_in_its_box_costs_nothing() -> None:
    shown = ellipse().float().reshape(1, 1, 12, 12)
    loss = BoxLoss(filled=0.5, empty=0.1, pairwise=1, alike=0.5)(certain(ellipse()), batch(shown))
    assert loss.item() == pytest.approx(0, abs=1e-5)


def test_a_box_of_one_half_everywhere_costs_what_is_worked_by_hand() -> None:
    half = Output(torch.zeros(1, 1, 12, 12))
    shadow = 1 - 2 * (6 * 0.5) / (6 * 0.25 + 6)
    log2 = math.log(2)
    assert only()(half, batch()).item() == pytest.approx(log2)
    assert only(projection=1)(half, batch()).item() == pytest.approx(log2 + shadow)
    assert only(fill=2)(half, batch()).item() == pytest.approx(3 * log2)
    assert only(pairwise=1)(half, batch()).item() == pytest.approx(2 * log2)


def test_a_row_without_a_sample_of_the_object_costs_its_share_of_the_projection() -> None:
    """Rows 1 1 1 1 1 0 and all columns: 1 - 10/11 along one axis, nothing along the other."""
    mask = torch.zeros(12, 12)
    mask[2:7, 3:9] = 1
    loss = only(projection=1)(certain(mask), batch())
    assert loss.item() == pytest.approx((1 - 2 * 5 / (5 + 6)) / 2, abs=1e-5)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_filling_tells_the_highest_share_and_the_lowest(share: float) -> None:
    logits = torch.linspace(-3, 3, 36)
    image = torch.zeros(12, 12)
    image[BOX] = logits.reshape(6, 6)
    output = Output(image.reshape(1, 1, 12, 12).requires_grad_())
    before = only()(output, batch()).item()
    loss = BoxLoss(projection=0, fill=1, filled=share, empty=0.25)(output, batch())
    high, low = round(36 * share), 9
    told = [math.log1p(math.exp(-z)) for z in logits[36 - high :].tolist()]
    told += [math.log1p(math.exp(z)) for z in logits[:low].tolist()]
    assert loss.item() - before == pytest.approx(np.mean(told), abs=1e-5)
    loss.backward()
    assert output.logits.grad is not None
    asked = (output.logits.grad[0, 0][BOX].flatten() != 0).sum().item()
    assert asked == high + low


def test_pairs_of_one_colour_ask_for_one_kind_and_others_for_nothing() -> None:
    """Filling the box costs at its border, where the picture shows none; the object does not."""
    shown = ellipse().float().reshape(1, 1, 12, 12)
    loss = only(pairwise=1)
    right, filled = (
        loss(certain(mask), batch(shown)).item()
        for mask in (ellipse(), batch().objects[0, 0] > 0)  # type: ignore[index]
    )
    assert right == pytest.approx(0, abs=1e-5)
    assert filled > 0.5


@pytest.mark.parametrize(
    ("where", "terms"),
    [
        ((slice(2, 8), slice(3, 9)), 3),
        ((slice(0, 8), slice(3, 9)), 1),  # cut above: columns may hold their object there
        ((slice(2, 8), slice(6, 12)), 1),
        ((slice(0, 8), slice(6, 12)), 0),
    ],
)
def test_a_box_that_the_crop_may_have_cut_says_less(where: tuple[slice, slice], terms: int) -> None:
    image = torch.full((12, 12), -2.0)
    output = Output(image.reshape(1, 1, 12, 12).requires_grad_())
    given = batch(where=where)
    outside = only()(output, given).item()
    projected = only(projection=1)(output, given).item() - outside
    filled = only(fill=1)(output, given).item() - outside
    assert (projected > 1e-6) == (terms > 0)
    assert (filled > 1e-6) == (terms == 3)


def test_boxes_ask_their_own_class_alone_and_in_volumes_planes_of_three_axes() -> None:
    objects = torch.zeros(2, 2, 6, 7, 8, dtype=torch.int32)
    objects[1, 1, 1:4, 2:5, 3:6] = 300
    logits = torch.zeros(2, 2, 6, 7, 8, requires_grad=True)
    known = torch.zeros(2, 1, 6, 7, 8, dtype=torch.bool)
    given = Batch(torch.zeros(2, 1, 6, 7, 8), logits.detach(), known, objects=objects)
    found = outlines(objects)
    assert [(k.example, k.channel, k.where) for k in found] == [
        (1, 1, (slice(1, 4), slice(2, 5), slice(3, 6)))
    ]
    loss = only(projection=1)(Output(logits), given)
    assert loss.item() == pytest.approx(1 - 2 * 1.5 / (0.75 + 3))
    loss.backward()
    assert logits.grad is not None
    assert not logits.grad[:, 0].any()
    assert not logits.grad[0].any()


@pytest.mark.parametrize(
    "wrong", [{"filled": 0}, {"filled": 0.7, "empty": 0.4}, {"projection": -1}, {"reach": 0}]
)
def test_refuses_shares_that_do_not_fit(wrong: dict[str, float]) -> None:
    with pytest.raises(SpecError, match="loss box"):
        BoxLoss(**wrong)  # type: ignore[arg-type]
