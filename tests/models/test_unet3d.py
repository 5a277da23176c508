import pytest
import torch
from torch import nn

from inklings.errors import SpecError
from inklings.models.unet3d import UNet3D
from inklings.testing.contracts import ModelContract


class TestUNet3D(ModelContract):
    dimensions = 3
    side = 16

    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        return UNet3D(in_channels, out_channels, width=4, depth=2)


class TestFlatWithBatchNorm(ModelContract):
    dimensions = 3
    side = 8

    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        return UNet3D(in_channels, out_channels, width=4, depth=2, flat=1, norm="batch")


def test_flat_levels_leave_the_planes_apart() -> None:
    model = UNet3D(1, 1, width=2, depth=2, flat=2).eval()
    volume = torch.zeros(1, 1, 5, 16, 16)
    before = model(volume).logits
    volume[:, :, 2] = 1.0
    changed = (model(volume).logits - before).abs().amax((0, 1, 3, 4)) > 1e-6
    assert changed[2]
    assert model.divisor == 1


def test_the_untrained_network_predicts_the_prior() -> None:
    model = UNet3D(1, 1, width=4, depth=2, prior=0.03)
    found = torch.sigmoid(model(torch.randn(1, 1, 16, 16, 16)).logits).median()
    assert found.item() == pytest.approx(0.03, rel=0.5)


def test_impossible_options_are_refused() -> None:
    with pytest.raises(SpecError, match="flat between 0 and depth"):
        UNet3D(1, 1, depth=2, flat=3)
    with pytest.raises(SpecError, match="instance or batch"):
        UNet3D(1, 1, norm="layer")  # type: ignore[arg-type]
