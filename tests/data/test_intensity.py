import numpy as np
import pytest

from inklings.data import INTENSITIES, intensity
from inklings.data.intensity import Half, Percentiles, Window, ZScore, apply
from inklings.errors import SpecError

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (3, 40, 50), dtype=np.uint8)


def test_zscore_of_a_hand_worked_image() -> None:
    image = np.array([[[0, 10], [20, 30]]], np.uint8)
    expected = (np.array([[[0, 10], [20, 30]]]) - 15) / (np.sqrt(125) + 1)
    np.testing.assert_allclose(ZScore()(image), expected, rtol=1e-6)


def test_zscore_turns_an_empty_image_into_zeros() -> None:
    assert not ZScore()(np.full((3, 8, 8), 7, np.uint8)).any()


def test_zscore_per_channel_removes_the_tint_and_plain_zscore_keeps_it() -> None:
    tinted = IMAGE // 2 + np.array([0, 50, 100], np.uint8)[:, None, None]
    assert np.ptp(ZScore(per_channel=True)(tinted).mean((1, 2))) < 1e-4
    assert np.ptp(ZScore()(tinted).mean((1, 2))) > 1


def test_invert_bright_turns_stained_nuclei_on_glass_into_bright_ones_on_dark() -> None:
    glass = np.full((3, 20, 20), 220, np.uint8)
    glass[:, 5:9, 5:9] = np.array([90, 40, 120], np.uint8)[:, None, None]
    scaled = ZScore(invert_bright=True)(glass)
    np.testing.assert_allclose(scaled, -ZScore()(glass), atol=1e-6)
    assert scaled[:, 6, 6].min() > 0 > scaled[:, 0, 0].max()


def test_invert_bright_leaves_fluorescence_and_empty_images_as_they_are() -> None:
    fluorescence = np.full((1, 20, 20), 10, np.uint8)
    fluorescence[:, 5:9, 5:9] = 200
    np.testing.assert_array_equal(ZScore(invert_bright=True)(fluorescence), ZScore()(fluorescence))
    assert not ZScore(invert_bright=True)(np.full((3, 8, 8), 7, np.uint8)).any()


def test_invert_bright_judges_other_types_by_what_they_reach() -> None:
    bright = np.full((1, 10, 10), 4000, np.uint16)
    bright[:, :2] = 500
    np.testing.assert_allclose(ZScore(invert_bright=True)(bright), -ZScore()(bright), atol=1e-6)


def test_half_is_torchvision_to_tensor_and_normalize() -> None:
    np.testing.assert_allclose(Half()(IMAGE), (IMAGE / 255 - 0.5) / 0.5, atol=1e-6)


def test_half_refuses_sixteen_bit_images() -> None:
    with pytest.raises(SpecError, match="expected 8-bit images, got uint16"):
        Half()(IMAGE.astype(np.uint16))


def test_window_maps_its_ends_to_minus_one_and_one() -> None:
    image = np.array([[[-1000, -300, 400]]], np.int16)
    np.testing.assert_allclose(Window(-1000, 400)(image), [[[-1, 0, 1]]], atol=1e-6)


def test_percentiles_ignore_a_few_extreme_samples() -> None:
    spoilt = IMAGE.astype(np.float32)
    spoilt[0, 0, 0] = 1e6
    np.testing.assert_allclose(
        Percentiles()(spoilt)[:, 1:], Percentiles()(IMAGE)[:, 1:], rtol=1e-2, atol=1e-2
    )


@pytest.mark.parametrize("name", ["zscore", "half", "percentiles"])
def test_a_crop_is_normalised_by_the_numbers_of_its_whole_image(name: str) -> None:
    intensity = INTENSITIES.build(name, {})
    crop = (slice(None), slice(5, 25), slice(10, 30))
    np.testing.assert_array_equal(
        apply(IMAGE[crop], intensity.scale(IMAGE)), intensity(IMAGE)[crop]
    )
    assert intensity(IMAGE).dtype == np.float32


@pytest.mark.parametrize("scaling", [ZScore(fractions=True), Percentiles(fractions=True)])
def test_images_of_fractions_are_scaled_as_the_same_picture_in_bytes(
    scaling: ZScore | Percentiles,
) -> None:
    fractions = IMAGE.astype(np.float32) / 2550
    spread = scaling(fractions).std()
    assert spread == pytest.approx(scaling(IMAGE).std(), rel=0.05)
    old = type(scaling)()(fractions).std()
    assert old < 0.5 * spread
    assert not scaling(np.zeros((1, 8, 8), np.float32)).any()
    hounsfield = (IMAGE.astype(np.float32) - 128) * 10
    np.testing.assert_array_equal(scaling(hounsfield), type(scaling)()(hounsfield))


def test_percentiles_per_channel_bring_each_channel_to_the_same_range() -> None:
    image = np.stack([IMAGE[0].astype(np.float32), IMAGE[1].astype(np.float32) * 100 + 7])
    scaled = Percentiles(per_channel=True)(image)
    for channel in scaled:
        low, high = np.percentile(channel, (1, 99))
        assert (low, high) == pytest.approx((-1, 1), abs=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("per_channel", [False, True])
def test_a_deviation_measured_in_parts_is_that_of_numpy(
    dtype: type[np.generic], per_channel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = (1, 2) if per_channel else (0, 1, 2)
    samples = np.random.default_rng(3).normal(900, 300, (60, 50, 3)).astype(dtype)
    for image in (np.moveaxis(samples, -1, 0), np.ascontiguousarray(np.moveaxis(samples, -1, 0))):
        expected = (image.std(axes, dtype=np.float64, keepdims=True) + 1).astype(np.float32)
        for at_once in (1, 1000, 2_000_000):
            monkeypatch.setattr(intensity, "_AT_ONCE", at_once)
            found = ZScore(per_channel=per_channel).scale(image)[1]
            np.testing.assert_array_equal(found, expected)
