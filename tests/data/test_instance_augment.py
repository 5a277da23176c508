"""Augmentation of many small pictures at once."""

import pytest
import torch

from inklings.data.instance_augment import InstanceFlips, InstanceNoise, Jitter
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


def test_features_take_noise_and_no_rotation() -> None:
    features = torch.randn((500, 3), generator=dice())
    changed = InstanceNoise(0.5)(features, dice(1)) - features
    assert changed.std().item() == pytest.approx(0.5, rel=0.1)
    with pytest.raises(SpecError, match="expected pictures"):
        Affine()(features, dice())
