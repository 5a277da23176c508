import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from inklings.errors import SpecError
from inklings.models.unet import UNet
from inklings.testing.contracts import ModelContract


class TestBilinear(ModelContract):
    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        return UNet(in_channels, out_channels, width=8, depth=3)


class TestTransposed(ModelContract):
    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        return UNet(in_channels, out_channels, width=8, depth=3, up="transposed")


class TestStride(ModelContract):
    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        return UNet(in_channels, out_channels, width=8, depth=2, stride=2)


def convolutions(model: nn.Module) -> list[tuple[int, int]]:
    return [(m.in_channels, m.out_channels) for m in model.modules() if isinstance(m, nn.Conv2d)]


# The public reference (milesial/Pytorch-UNet) for three channels in and one out.
@pytest.mark.parametrize(
    ("up", "parameters"), [("bilinear", 17_262_977), ("transposed", 31_037_633)]
)
def test_has_exactly_the_parameters_of_the_reference(up, parameters):
    with torch.device("meta"):
        model = UNet(3, 1, up=up)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_transposed_has_the_widths_of_the_reference_layer_by_layer():
    with torch.device("meta"):
        model = UNet(3, 1, up="transposed")
    down = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]
    down += [(256, 512), (512, 512), (512, 1024), (1024, 1024)]
    up = [(1024, 512), (512, 512), (512, 256), (256, 256), (256, 128), (128, 128)]
    up += [(128, 64), (64, 64), (64, 1)]
    assert convolutions(model) == down + up
    raised = [
        (m.in_channels, m.out_channels)
        for m in model.modules()
        if isinstance(m, nn.ConvTranspose2d)
    ]
    assert raised == [(1024, 512), (512, 256), (256, 128), (128, 64)]


def test_bilinear_has_the_halved_widths_of_the_reference_layer_by_layer():
    with torch.device("meta"):
        model = UNet(3, 1)
    down = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]
    down += [(256, 512), (512, 512), (512, 512), (512, 512)]
    up = [(1024, 512), (512, 256), (512, 256), (256, 128), (256, 128), (128, 64)]
    up += [(128, 64), (64, 64), (64, 1)]
    assert convolutions(model) == down + up


@pytest.mark.parametrize(("width", "depth"), [(4, 1), (16, 4), (6, 5)])
@pytest.mark.parametrize("up", ["bilinear", "transposed"])
def test_any_width_and_depth(width, depth, up):
    model = UNet(2, 3, width=width, depth=depth, up=up).eval()
    assert model.divisor == 2**depth
    assert model(torch.zeros(1, 2, 33, 47)).logits.shape == (1, 3, 33, 47)


@pytest.mark.parametrize("up", ["bilinear", "transposed"])
@pytest.mark.parametrize("size", [(1, 1), (3, 40), (15, 16), (17, 31), (48, 16)])
def test_any_size(size, up):
    model = UNet(3, 2, width=4, up=up).eval()
    assert model(torch.randn(2, 3, *size)).logits.shape == (2, 2, *size)


def products(model: nn.Module) -> int:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model.to("meta")(torch.zeros(1, 3, 128, 128))
    return counter.get_total_flops()


def test_a_stride_of_two_costs_a_quarter_of_the_whole_grid_and_gives_the_whole_size():
    whole, half = UNet(3, 1, width=32, depth=2), UNet(3, 1, width=32, depth=2, stride=2)
    assert half.divisor == 8
    assert half.eval()(torch.zeros(1, 3, 33, 50)).logits.shape == (1, 1, 33, 50)
    assert 3.5 < products(whole) / products(half) < 5


def test_prior_is_what_the_untrained_network_predicts():
    torch.manual_seed(0)
    with torch.no_grad():
        logits = UNet(3, 1, width=16, prior=0.02)(torch.randn(2, 3, 64, 64)).logits
    assert torch.sigmoid(logits).mean().item() == pytest.approx(0.02, rel=0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 5}, "even width"),
        ({"depth": 0}, "depth and stride >= 1"),
        ({"stride": 0}, "depth and stride >= 1"),
        ({"up": "nearest"}, "bilinear or transposed, got 'nearest'"),
        ({"prior": 1.0}, "prior between 0 and 1, got 1.0"),
    ],
)
def test_refuses_impossible_options(options, message):
    with pytest.raises(SpecError, match=message):
        UNet(3, 1, **options)
