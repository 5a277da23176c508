import pytest
import torch
from torch import nn

from inklings.errors import SpecError
from inklings.models import MODELS
from inklings.testing.contracts import ModelContract


def build(**options) -> nn.Module:
    return MODELS.build("deeplabv3plus", {"in_channels": 3, "out_channels": 2, **options})


class TestDeepLabOnMobileNet(ModelContract):
    side = 64

    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        return build(in_channels=in_channels, out_channels=out_channels)


@pytest.mark.parametrize("encoder", ["mobilenet", "resnet50", "xception"])
@pytest.mark.parametrize("stride", [8, 16])
def test_the_encoder_ends_at_the_asked_stride_and_the_pyramid_has_the_papers_rates(encoder, stride):
    model = build(encoder=encoder, output_stride=stride).eval()
    with torch.no_grad():
        features = model.inner.network.encoder(torch.randn(1, 3, 128, 128))
        assert model(torch.randn(1, 3, 70, 101)).logits.shape == (1, 2, 70, 101)
    assert features[-1].shape[-1] == 128 // stride
    assert features[2].shape[-1] == 32
    rates = {m.dilation for m in model.inner.network.decoder.aspp.modules() if _dilated(m)}
    first = 6 if stride == 16 else 12
    assert rates == {(first * k, first * k) for k in (1, 2, 3)}


def _dilated(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.dilation[0] > 1


def test_other_strides_are_refused():
    with pytest.raises(SpecError, match="output_stride 8 or 16, got 32"):
        build(output_stride=32)


def test_the_backbone_is_the_encoder():
    model = build()
    inside = [n for n, _ in model.named_parameters() if n.startswith(model.backbone)]
    assert len(inside) == len(list(model.inner.network.encoder.parameters()))
