"""What moves in a patch moves together, and to where it should."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng

from inklings.data import build_transforms
from inklings.data.affine import Affine3D, rotation, warp3d
from inklings.data.crops import Sample
from inklings.data.transforms import Flips
from inklings.errors import SpecError
from inklings.spec import Component

SHAPE = (17, 21, 21)
MIDDLE = (8, 10, 10)


def spot(*offset: int, shape: tuple[int, ...] = SHAPE) -> Sample:
    """One bright sample that is also the label, and the only place that is known."""
    array = np.zeros(shape, np.float32)
    array[tuple(m + o for m, o in zip(MIDDLE[3 - len(shape) :], offset, strict=True))] = 1
    mask = array > 0
    return Sample(array[None], mask[None] * np.uint8(255), mask[None], np.ones(shape, np.bool_))


def place(mask: np.ndarray) -> list[int]:
    (found,) = np.argwhere(mask).tolist()
    return [a - m for a, m in zip(found, MIDDLE[3 - mask.ndim :], strict=True)]


@pytest.mark.parametrize(
    ("angles", "before", "after"),
    [
        ((math.pi / 2, 0, 0), (2, 5, 0), (2, 0, 5)),
        ((0, math.pi / 2, 0), (4, 3, 0), (0, 3, 4)),
        ((0, 0, math.pi / 2), (4, 0, 3), (0, 4, 3)),
        ((math.pi, 0, 0), (2, 5, 3), (2, -5, -3)),
    ],
)
def test_a_known_point_goes_where_the_turn_takes_it(angles, before, after) -> None:
    turned = warp3d(spot(*before), rotation(*angles), 1.0)
    for mask in (turned.inputs[0] > 0.9, turned.value[0] == 255, turned.known[0]):
        assert place(mask) == list(after)


def test_enlarging_twice_takes_a_point_twice_as_far() -> None:
    grown = warp3d(spot(2, -4, 3), np.eye(3), 2.0)
    assert grown.inputs[0][12, 2, 16] == pytest.approx(1)
    assert grown.value[0][12, 2, 16] == 255


@pytest.mark.parametrize(
    "name", ["flips", "quarter_turns", "transpose", "affine", "brightness_contrast", "noise"]
)
def test_image_and_mask_of_a_patch_stay_together(name: str) -> None:
    rng = default_rng(1)
    mask = np.zeros(SHAPE, np.bool_)
    mask[3:9, 4:12, 6:17] = True
    inputs = (4.0 * mask[None]).astype(np.float32)
    sample = Sample(
        inputs, mask[None] * np.uint8(255), np.ones((1, *SHAPE), bool), np.ones(SHAPE, bool)
    )
    options: dict[str, Any] = {"probability": 1.0} if name == "affine" else {}
    moved = 0
    for _ in range(8):
        (transform,) = build_transforms([Component(name=name, options=options)], "patches")
        out = transform(sample, rng)
        assert out.inputs.shape == sample.inputs.shape
        on = out.value[0] == 255
        bright = out.inputs[0] > (out.inputs[0].max() + out.inputs[0].min()) / 2
        assert (bright != on).mean() < 0.02
        moved += not np.array_equal(on, mask)
    assert moved > 0 or name in ("brightness_contrast", "noise")


def test_axes_that_mean_something_are_not_flipped() -> None:
    flip = Flips(probability=1.0, axes="x")
    assert place(flip(spot(2, 5, 3), default_rng(0)).known[0]) == [2, 5, -3]
    assert place(Flips(1.0)(spot(2, 5, 3), default_rng(0)).known[0]) == [-2, -5, -3]
    assert place(flip(spot(5, 3, shape=SHAPE[1:]), default_rng(0)).known[0]) == [5, -3]
    with pytest.raises(SpecError, match="zyx"):
        Flips(axes="w")


def test_a_point_goes_where_its_voxel_goes() -> None:
    sample = dataclasses.replace(spot(2, 5, 3), points=np.array([[10.0, 15.0, 13.0]]))
    for seed in range(8):
        moved = Affine3D(probability=1.0)(sample, default_rng(seed))
        assert moved.points is not None
        (found,) = moved.points - MIDDLE
        near = np.argwhere(moved.known[0]) - MIDDLE
        assert len(near) == 0 or np.abs(near - found).max(1).min() <= 1


def test_the_same_generator_gives_the_same_patch_and_the_argument_is_left_alone() -> None:
    sample = spot(2, 3, 4)
    before = [part.copy() for part in (sample.inputs, sample.value, sample.known)]
    one, two = (Affine3D(probability=1.0)(sample, default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(one.inputs, two.inputs)
    np.testing.assert_array_equal(one.value, two.value)
    for part, old in zip((sample.inputs, sample.value, sample.known), before, strict=True):
        np.testing.assert_array_equal(part, old)
