import sys

import pytest
import torch
from torch import nn

from inklings.errors import MissingExtraError, SpecError
from inklings.models import MODELS
from inklings.testing.contracts import ModelContract

pytest.importorskip("monai", reason="needs the extra inklings[monai]")

SMALL = {"channels": (4, 8, 16), "strides": (2, 2)}


class TestUNet(ModelContract):
    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        sizes = {"in_channels": in_channels, "out_channels": out_channels}
        return MODELS.build("monai", {**sizes, "network": "UNet", **SMALL})


class TestVolumes(ModelContract):
    dimensions = 3
    side = 16

    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        sizes = {"in_channels": in_channels, "out_channels": out_channels}
        return MODELS.build("monai", {**sizes, "dimensions": 3, "network": "SegResNet"})


@pytest.mark.parametrize(
    ("network", "options", "divisor"),
    [
        ("UNet", {}, 16),
        ("UNet", SMALL, 4),
        ("AttentionUnet", SMALL, 4),
        ("BasicUNet", {"features": (4, 4, 8, 8, 16, 4)}, 16),
        ("BasicUNetPlusPlus", {"features": (4, 4, 8, 8, 16, 4)}, 16),
        ("DynUNet", {"filters": (4, 8, 8, 8, 8)}, 16),
        ("SegResNet", {}, 8),
        ("SwinUNETR", {"feature_size": 12}, 32),
        ("UNETR", {"img_size": 48, "divisor": 48, "hidden_size": 48, "num_heads": 4}, 48),
    ],
)
def test_networks_give_maps_of_any_size(network, options, divisor):
    sizes = {"in_channels": 3, "out_channels": 2}
    model = MODELS.build("monai", {**sizes, "network": network, **options}).eval()
    assert model.divisor == divisor
    with torch.no_grad():
        assert model(torch.randn(1, 3, 35, 35)).logits.shape == (1, 2, 35, 35)


@pytest.mark.parametrize("network", ["UNet", "DynUNet", "BasicUNet"])
def test_networks_take_volumes(network):
    options = {"in_channels": 1, "out_channels": 2, "network": network, "dimensions": 3}
    model = MODELS.build("monai", options).eval()
    with torch.no_grad():
        assert model(torch.randn(1, 1, 16, 20, 16)).logits.shape == (1, 2, 16, 20, 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "Unet9"}, "no network named 'Unet9'"),
        ({"network": "SegResNet", "depht": 3}, "unexpected keyword argument 'depht'"),
        ({"dimensions": 4}, "dimensions to be 2 or 3, got 4"),
        ({"network": "DynUNet", "deep_supervision": True}, "leave deep_supervision out"),
    ],
)
def test_refuses_impossible_options(options, message):
    with pytest.raises(SpecError, match=message):
        MODELS.build("monai", {"in_channels": 1, "out_channels": 1, **options})


def test_a_network_that_returns_no_map_is_refused():
    options = {"network": "SegResNetVAE", "input_image_size": (32, 32)}
    model = MODELS.build("monai", {"in_channels": 1, "out_channels": 1, **options})
    with pytest.raises(SpecError, match="expected SegResNetVAE to return one map"):
        model.train()(torch.zeros(1, 1, 32, 32))


def test_without_monai_the_message_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "inklings.models.monai", raising=False)
    monkeypatch.setitem(sys.modules, "monai.networks", None)
    with pytest.raises(MissingExtraError, match=r"pip install inklings\[monai\]"):
        MODELS.get("monai")


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("UNet", SMALL),
        ("DynUNet", {"filters": (4, 8, 8, 8, 8)}),
        ("SegResNet", {"init_filters": 8}),
        ("SwinUNETR", {"feature_size": 12}),
    ],
)
def test_networks_of_three_dimensions_give_maps_of_patches(network, options):
    sizes = {"in_channels": 1, "out_channels": 2, "dimensions": 3}
    model = MODELS.build("monai", {**sizes, "network": network, **options}).eval()
    assert model.dimensions == 3
    with torch.no_grad():
        assert model(torch.randn(1, 1, 20, 33, 30)).logits.shape == (1, 2, 20, 33, 30)
