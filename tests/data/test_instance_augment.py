"""Augmentation of many small pictures at once."""

import colorsys

import pytest
import torch

from inklings.data.instance_augment import InstanceFlips, InstanceNoise, Jitter, _coloured
from inklings.errors import SpecError
from inklings.models.views import Affine


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_nothing_asked_is_nothing_done() -> None:
    pictures = torch.rand((3, 1, 9, 9), generator=dice())
    same = Affine(0, 0, 0, 0)(pictures, dice())
    assert torch.allclose(same, pictures, atol=1e-5)


def test_shifts_stay_within_what_was_asked() -> None:
    pictures = torch.zeros((200, 1, 21, 21))
    pictures[:, :, 10, 10] = 1
    moved = Affine(2 / 21, 0, 0, 0)(pictures, dice())
    grid = torch.arange(21.0)
    centre = (moved[:, 0].sum(1) * grid).sum(1) / moved.sum((1, 2, 3))
    assert (centre - 10).abs().max() <= 2.01
    assert (centre - 10).abs().max() > 1.5


@pytest.mark.parametrize("augment", [Affine(), InstanceFlips(), Jitter()])
def test_chance_comes_from_the_dice_alone(augment: object) -> None:
    pictures = torch.rand((4, 3, 8, 8), generator=dice())
    one, other = (augment(pictures, dice(3)) for _ in range(2))  # type: ignore[operator]
    assert torch.equal(one, other)
    assert one.shape == pictures.shape


def test_hue_of_a_third_makes_red_green_and_saturation_scales_what_is_not_grey() -> None:
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    one, none = torch.ones(1), torch.zeros(1)
    assert _coloured(red, one, one / 3).flatten().tolist() == pytest.approx([0, 1, 0], abs=1e-6)
    doubled = _coloured(red, 2 * one, none).flatten().tolist()
    assert doubled == pytest.approx([5 / 3, -1 / 3, -1 / 3])


def test_hue_is_that_of_the_standard_library_for_small_turns() -> None:
    pixel, turn = (0.6, 0.3, 0.4), 0.02
    turned = _coloured(torch.tensor(pixel).view(1, 3, 1, 1), torch.ones(1), torch.tensor([turn]))
    before, after = (colorsys.rgb_to_hsv(*map(float, c)) for c in (pixel, turned.flatten()))
    assert (after[0] - before[0]) == pytest.approx(turn, rel=0.2)
    grey = Jitter(0, 0, 0.5, 0.5)(torch.full((2, 3, 4, 4), 0.3), dice())
    assert torch.allclose(grey, torch.tensor(0.3))


def test_hue_needs_three_channels() -> None:
    with pytest.raises(SpecError, match="three channels for saturation and hue, got 1"):
        Jitter(hue=0.01)(torch.rand((2, 1, 4, 4)), dice())


def test_features_take_noise_and_no_rotation() -> None:
    features = torch.randn((500, 3), generator=dice())
    changed = InstanceNoise(0.5)(features, dice(1)) - features
    assert changed.std().item() == pytest.approx(0.5, rel=0.1)
    with pytest.raises(SpecError, match="expected pictures"):
        Affine()(features, dice())
