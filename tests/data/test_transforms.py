import dataclasses
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from inklings.data import TRANSFORMS, Use, build_transforms
from inklings.data.affine import Affine, warp
from inklings.data.crops import Sample
from inklings.data.transforms import (
    Blur,
    BrightnessContrast,
    Flips,
    GainShift,
    Gray,
    Invert,
    Noise,
    QuarterTurns,
    Transform,
    Transpose,
)
from inklings.errors import SpecError
from inklings.spec import Component

SIZE = 33


def marked(points: list[tuple[int, int]]) -> Sample:
    """An image that is bright exactly where its target is positive, its last columns padding."""
    value = np.zeros((1, SIZE, SIZE), np.uint8)
    for y, x in points:
        value[0, y, x] = 255
    valid = np.ones((SIZE, SIZE), np.bool_)
    valid[:, -4:] = False
    inputs = np.repeat(value.astype(np.float32) / 255, 3, axis=0) * valid
    return Sample(inputs, value * valid, value * valid > 0, valid)


def discs() -> Sample:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:SIZE, :SIZE]
    mask = np.zeros((SIZE, SIZE), np.bool_)
    for cy, cx in rng.integers(6, SIZE - 6, (4, 2)):
        mask |= (y - cy) ** 2 + (x - cx) ** 2 <= 9
    inputs = np.repeat(mask[None].astype(np.float32), 3, axis=0)
    return Sample(inputs, mask[None] * np.uint8(255), mask[None], np.ones_like(mask))


@pytest.mark.parametrize("augment", [Flips(), QuarterTurns()])
def test_a_point_of_the_image_and_its_target_move_together(augment: Flips | QuarterTurns) -> None:
    seen = set()
    for seed in range(40):
        moved = augment(marked([(3, 8), (20, 5)]), np.random.default_rng(seed))
        np.testing.assert_array_equal(moved.inputs[0] > 0.5, moved.value[0] > 0)
        np.testing.assert_array_equal(moved.known, moved.value > 0)
        assert not moved.inputs[:, ~moved.valid].any()
        assert moved.valid.sum() == SIZE * (SIZE - 4)
        seen.add(moved.value.tobytes())
    assert len(seen) == 4


def test_a_flip_along_y_brings_row_3_to_the_mirrored_row() -> None:
    sample = marked([(3, 8)])
    places = {
        tuple(np.argwhere(Flips()(sample, np.random.default_rng(s)).value[0])[0].tolist())
        for s in range(40)
    }
    assert places == {(3, 8), (SIZE - 4, 8), (3, SIZE - 9), (SIZE - 4, SIZE - 9)}


@pytest.mark.parametrize(("angle", "factor"), [(0.3, 1.0), (-0.5, 1.0), (0.0, 1.3), (0.4, 0.8)])
def test_a_known_point_goes_where_the_matrix_says(angle: float, factor: float) -> None:
    middle, offset = (SIZE - 1) / 2, np.array([6.0, -4.0])
    y, x = np.mgrid[:SIZE, :SIZE]
    blob = np.exp(-((y - middle - offset[0]) ** 2 + (x - middle - offset[1]) ** 2) / 4)
    sample = Sample(
        np.repeat(blob[None].astype(np.float32), 3, axis=0),
        np.rint(255 * blob).astype(np.uint8)[None],
        np.ones((1, SIZE, SIZE), np.bool_),
        np.ones((SIZE, SIZE), np.bool_),
    )
    moved = warp(sample, angle, factor)
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    expected = middle + factor * rotation @ offset
    near = np.hypot(y - expected[0], x - expected[1]) < 6  # beyond the border it is mirrored
    for found in (moved.inputs[1] * near, moved.value[0] * near.astype(np.float64)):
        centre = [(found * grid).sum() / found.sum() for grid in (y, x)]
        np.testing.assert_allclose(centre, expected, atol=0.15)


def test_turning_and_scaling_move_image_and_target_alike() -> None:
    for seed in range(30):
        moved = Affine(rotate=45, scale=0.5, probability=1)(discs(), np.random.default_rng(seed))
        assert ((moved.inputs[0] > 0.5) != (moved.value[0] > 0)).mean() < 0.03
        np.testing.assert_array_equal(moved.value > 0, moved.known)


def test_an_affine_that_does_nothing_changes_nothing() -> None:
    sample = discs()
    for moved in (warp(sample, 0.0, 1.0), Affine(probability=0)(sample, np.random.default_rng(0))):
        np.testing.assert_allclose(moved.inputs, sample.inputs, atol=1e-6)
        np.testing.assert_array_equal(moved.value, sample.value)


@pytest.mark.parametrize("augment", [BrightnessContrast(), Noise(), Invert(1.0)])
def test_intensity_changes_leave_targets_and_padding_alone(
    augment: BrightnessContrast | Noise | Invert,
) -> None:
    sample = marked([(3, 8)])
    changed = augment(sample, np.random.default_rng(1))
    assert (changed.inputs != sample.inputs).any()
    assert not changed.inputs[:, ~changed.valid].any()
    np.testing.assert_array_equal(changed.value, sample.value)
    assert changed.inputs.dtype == np.float32


def test_another_tint_moves_each_channel_by_itself() -> None:
    grey = marked([(16, 16)])
    rng = np.random.default_rng(0)
    one = BrightnessContrast()(grey, rng).inputs
    assert np.ptp(one, axis=0).max() < 1e-6
    many = BrightnessContrast(per_channel=True)(grey, rng)
    assert np.ptp(many.inputs, axis=0)[grey.valid].min() > 0.01
    assert not many.inputs[:, ~grey.valid].any()


def test_brightness_and_contrast_have_the_spread_they_are_given() -> None:
    flat = Sample(
        np.ones((1, 4, 4), np.float32),
        *(np.ones((1, 4, 4), np.uint8),),
        np.ones((1, 4, 4), np.bool_),
        np.ones((4, 4), np.bool_),
    )
    augment = BrightnessContrast(brightness=0.3, contrast=0.4)
    values = [augment(flat, np.random.default_rng(s)).inputs[0, 0, 0] for s in range(3000)]
    assert np.mean(values) == pytest.approx(1, abs=0.03)
    assert np.std(values) == pytest.approx(0.5, rel=0.05)  # 0.3 and 0.4 in quadrature


@pytest.mark.parametrize("name", sorted(TRANSFORMS["pictures"]))
def test_the_same_generator_gives_the_same_sample_and_the_argument_is_left_alone(name: str) -> None:
    sample = marked([(3, 8), (20, 5)])
    before: list[NDArray] = [a.copy() for a in (sample.inputs, sample.value, sample.known)]
    (augment,) = build_transforms([Component(name=name)], "pictures")
    first, second = (augment(sample, np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(first.inputs, second.inputs)
    np.testing.assert_array_equal(first.value, second.value)
    for a, b in zip(before, (sample.inputs, sample.value, sample.known), strict=True):
        np.testing.assert_array_equal(a, b)
    assert first.inputs.shape == sample.inputs.shape


def test_gray_is_the_mean_of_the_channels_and_invert_the_negative() -> None:
    sample = Sample(
        np.array([[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 9.0]]], np.float32),
        *(np.ones((1, 1, 2), np.uint8),),
        np.ones((1, 1, 2), np.bool_),
        np.ones((1, 2), np.bool_),
    )
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(Gray(1.0)(sample, rng).inputs, [[[3.0, 5.0]]] * 3)
    np.testing.assert_array_equal(Invert(1.0)(sample, rng).inputs, -sample.inputs)
    assert Gray(0.0)(sample, rng).inputs is sample.inputs
    assert Invert(0.0)(sample, rng).inputs is sample.inputs


@pytest.mark.parametrize(
    "augment",
    [Flips(), QuarterTurns(), Transpose(), Affine(scale=0.0, probability=1.0)],
    ids=lambda augment: type(augment).__name__,
)
def test_points_go_where_the_pixels_go(augment: Transform) -> None:
    places = [(3, 8), (20, 5)]
    before = dataclasses.replace(marked(places), points=np.array(places, float))
    for seed in range(12):
        after = augment(before, np.random.default_rng(seed))
        assert after.points is not None
        for y, x in np.rint(after.points).astype(int).tolist():
            if 1 <= y < SIZE - 1 and 1 <= x < SIZE - 1:  # else it was turned out of the crop
                assert after.inputs[0, y - 1 : y + 2, x - 1 : x + 2].any()


def test_a_blurred_picture_has_its_mean_and_less_contrast() -> None:
    soft = Blur(probability=1.0, least=1.0, most=1.0)(discs(), np.random.default_rng(0)).inputs
    assert soft.mean() == pytest.approx(discs().inputs.mean(), rel=0.05)
    assert soft.std() < 0.8 * discs().inputs.std()
    with pytest.raises(SpecError, match="least <= most"):
        Blur(least=1.0, most=0.5)


def test_gain_and_shift_have_the_spread_they_are_given() -> None:
    sample = dataclasses.replace(discs(), inputs=np.array([[[0.0, 1.0]] * 2] * 3, np.float32))
    sample = dataclasses.replace(sample, known=np.ones((2, 2), bool), valid=np.ones((2, 2), bool))
    seen = np.array(
        [GainShift(0.1, 0.02)(sample, np.random.default_rng(k)).inputs[0, 0] for k in range(2000)]
    )
    gain = seen[:, 1] - seen[:, 0]
    assert (gain.min(), gain.max()) == pytest.approx((0.9, 1.1), abs=0.002)
    assert seen[:, 0].std() == pytest.approx(0.02, rel=0.06)


@pytest.mark.parametrize(
    ("name", "use", "others"),
    [
        ("stain_jitter", "patches", "pictures"),
        ("affine3d", "pictures", "patches"),
        ("offset", "pictures", "boxes"),
        ("quarter_turns", "instances", "pictures and patches"),
    ],
)
def test_a_transform_of_other_dimensions_is_refused_with_those_there_are(
    name: str, use: Use, others: str
) -> None:
    with pytest.raises(SpecError, match=f"expected one for {use}, got one for {others}; for {use}"):
        build_transforms([Component(name=name)], use)


@pytest.mark.parametrize("use", sorted(TRANSFORMS))
def test_flips_and_noise_have_the_same_name_everywhere(use: Use) -> None:
    assert {"flips", "noise"} <= {*TRANSFORMS[use]}
    with pytest.raises(SpecError, match="did you mean 'flips'"):
        build_transforms([Component(name="flip")], use)


@pytest.mark.parametrize("augment", [QuarterTurns(0.25), BrightnessContrast(probability=0.25)])
def test_changes_are_left_out_as_often_as_asked(augment: QuarterTurns | BrightnessContrast) -> None:
    inputs = np.random.default_rng(0).random((1, 8, 8)).astype(np.float32)
    plane = np.ones((8, 8), bool)
    still = Sample(inputs, plane[None].astype(np.uint8), plane[None], plane)
    rng = np.random.default_rng(1)
    left = [np.array_equal(augment(still, rng).inputs, inputs) for _ in range(2000)]
    by_chance = 0.25 if isinstance(augment, QuarterTurns) else 0.0  # of the four turns, one is none
    assert np.mean(left) == pytest.approx(0.75 + 0.25 * by_chance, abs=0.03)
