import pytest
import timm
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


class TestDeepLabOnHRNet(ModelContract):
    side = 64

    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        return build(in_channels=in_channels, out_channels=out_channels, encoder="hrnet_w18_small")


@pytest.mark.parametrize(("encoder", "width"), [("hrnetv2_32", 32), ("hrnetv2_48", 48)])
def test_branches_of_hrnet_are_stacked_at_a_quarter(encoder, width):
    model = build(encoder=encoder).eval()
    with torch.no_grad():
        low, high = model.inner.network.encoder(torch.randn(1, 3, 64, 32))
    assert low.shape == (1, 256, 16, 8)
    assert high.shape == (1, width * (1 + 2 + 4 + 8), 16, 8)
    rates = {m.dilation for m in model.inner.network.decoder.aspp.modules() if _dilated(m)}
    assert rates == {(12, 12), (24, 24), (36, 36)}
    inside = [n for n, _ in model.named_parameters() if n.startswith(model.backbone)]
    assert len(inside) == len(list(model.inner.network.encoder.parameters()))


@pytest.mark.parametrize("channels", [1, 3])
def test_weights_of_timm_fit_hrnet_number_by_number(tmp_path, channels):
    torch.manual_seed(0)
    theirs = timm.create_model("hrnet_w18_small").eval()
    torch.save(theirs.state_dict(), tmp_path / "hrnet.pth")
    options = {"encoder": "hrnet_w18_small", "weights": str(tmp_path / "hrnet.pth")}
    ours = build(in_channels=channels, **options).inner.network.encoder.eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        stem = theirs.act1(theirs.bn1(theirs.conv1(images)))
        branches = theirs.stages(theirs.act2(theirs.bn2(theirs.conv2(stem))))
        found = ours(images if channels == 3 else images.mean(1, keepdim=True))[1]
    assert found.shape[1] == sum(branch.shape[1] for branch in branches)
    if channels == 3:
        torch.testing.assert_close(found[:, : branches[0].shape[1]], branches[0])


def test_what_means_nothing_to_hrnet_is_refused():
    with pytest.raises(SpecError, match="hrnetv2_32 keeps 1/4 of the resolution"):
        build(encoder="hrnetv2_32", output_stride=8)
    with pytest.raises(SpecError, match="no encoder named 'hrnet_w31'; known: hrnet_w18"):
        build(encoder="hrnet_w31")


def _dilated(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.dilation[0] > 1


def test_other_strides_are_refused():
    with pytest.raises(SpecError, match="output_stride 8 or 16, got 32"):
        build(output_stride=32)


def test_the_backbone_is_the_encoder():
    model = build()
    inside = [n for n, _ in model.named_parameters() if n.startswith(model.backbone)]
    assert len(inside) == len(list(model.inner.network.encoder.parameters()))
