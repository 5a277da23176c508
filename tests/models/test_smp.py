import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from inklings.errors import ReaderError, SpecError
from inklings.models import MODELS
from inklings.testing.contracts import ModelContract

TINY = {"decoder_channels": (16, 8, 8, 8, 4)}


def build(**options) -> nn.Module:
    return MODELS.build("smp", {"in_channels": 3, "out_channels": 2, **options})


class TestUnetOnResNet(ModelContract):
    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        sizes = {"in_channels": in_channels, "out_channels": out_channels}
        return MODELS.build("smp", {**sizes, "encoder": "resnet18", **TINY})


class TestFPNOnTimm(ModelContract):
    side = 64

    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        sizes = {"in_channels": in_channels, "out_channels": out_channels}
        return MODELS.build("smp", {**sizes, "encoder": "mobilenetv3_small_050", **TINY})


@pytest.mark.parametrize("architecture", sorted(set(smp.MODEL_ARCHITECTURES_MAPPING) - {"dpt"}))
def test_every_architecture_gives_maps_of_any_size(architecture):
    model = build(architecture=architecture, encoder="resnet18").eval()
    with torch.no_grad():
        assert model(torch.randn(1, 3, 65, 70)).logits.shape == (1, 2, 65, 70)


def test_dpt_takes_vision_transformers_of_timm():
    options = {"architecture": "dpt", "encoder": "vit_tiny_patch16_224", "dynamic_img_size": True}
    model = build(**options, decoder_fusion_channels=16).eval()
    with torch.no_grad():
        assert model(torch.randn(1, 3, 70, 65)).logits.shape == (1, 2, 70, 65)


@pytest.mark.parametrize(
    "encoder", ["mit_b0", "timm-regnetx_002", "convnext_atto", "tu-resnet10t", "efficientvit_b0"]
)
def test_encoders_of_both_libraries_by_their_own_names(encoder):
    model = build(encoder=encoder).eval()
    with torch.no_grad():
        assert model(torch.randn(1, 3, 64, 64)).logits.shape == (1, 2, 64, 64)


def smp_file(path) -> torch.Tensor:
    """Weights of an encoder of smp with a classifier on top; returns the first layer."""
    state = smp.encoders.get_encoder("resnet18", weights=None).state_dict()
    torch.save({**state, "fc.weight": torch.zeros(9, 512)}, path)
    return state["conv1.weight"]


def timm_file(path) -> torch.Tensor:
    """Weights of a classifier of timm; returns the first layer."""
    state = timm.create_model("resnet10t", pretrained=False).state_dict()
    torch.save(state, path)
    return state["conv1.0.weight"]


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize(
    ("encoder", "write", "name"),
    [("resnet18", smp_file, "conv1.weight"), ("resnet10t", timm_file, "model.conv1.0.weight")],
)
def test_a_local_file_starts_the_encoder_and_fits_the_first_layer(
    tmp_path, channels, encoder, write, name
):
    given = write(tmp_path / "encoder.pth")
    model = build(encoder=encoder, weights=str(tmp_path / "encoder.pth"), in_channels=channels)
    begun = model.network.encoder.state_dict()[name]
    assert begun.shape[1] == channels
    if channels == 3:
        assert torch.equal(begun, given)
    if channels == 1:
        assert torch.allclose(begun, given.sum(1, keepdim=True), atol=1e-6)


def test_weights_of_another_encoder_are_refused(tmp_path):
    torch.save(smp.encoders.get_encoder("resnet18", weights=None).state_dict(), tmp_path / "a.pth")
    for encoder in ("resnet34", "resnet10t"):
        with pytest.raises(SpecError) as caught:
            build(encoder=encoder, weights=str(tmp_path / "a.pth"))
        assert "\n" not in str(caught.value)
        assert encoder in str(caught.value)


@pytest.mark.parametrize("encoder", ["resnet18", "convnext_atto"])
def test_without_network_or_cache_the_message_says_how_to_get_weights(monkeypatch, encoder):
    def offline(*_, **__):
        raise FileNotFoundError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", offline)
    with pytest.raises(ReaderError) as caught:
        build(encoder=encoder, weights="imagenet")
    message = str(caught.value)
    assert all(part in message for part in (encoder, "hf download", "HF_HUB_CACHE", ".safetensors"))
    assert "\n" not in message


def test_imagenet_weights_come_from_the_cache_without_asking_the_network(monkeypatch, tmp_path):
    state = smp.encoders.get_encoder("resnet18", weights=None).state_dict()
    save_file(state, tmp_path / "model.safetensors")
    asked = []

    def cached(repository, filename, *, local_files_only, **_):
        asked.append((repository, filename, local_files_only))
        return str(tmp_path / "model.safetensors")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", cached)
    model = build(encoder="resnet18", weights="imagenet")
    assert torch.equal(model.network.encoder.state_dict()["conv1.weight"], state["conv1.weight"])
    assert asked == [("smp-hub/resnet18.imagenet", "model.safetensors", True)]


def test_prior_is_the_bias_of_the_head():
    model = build(encoder="resnet18", prior=0.25)
    assert torch.sigmoid(model.network.segmentation_head[0].bias).tolist() == (
        pytest.approx([0.25, 0.25])
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "unett"}, "no architecture named 'unett'"),
        ({"encoder": "resnet1"}, "no encoder named 'resnet1'; similar: .*resnet1"),
        ({"encoder": "resnet18", "depth": 3}, "unet has no option 'depth'; it has decoder_"),
        ({"encoder": "resnet10t", "depht": 3}, "unexpected keyword argument 'depht'"),
        ({"encoder": "resnet18", "activation": "sigmoid"}, "no option 'activation'"),
        ({"encoder": "resnet10t", "weights": "missing.pth"}, "'missing.pth', which does not exist"),
        ({"encoder": "mit_b0", "encoder_depth": 9}, "smp: unet on mit_b0"),
    ],
)
def test_refuses_impossible_options(options, message):
    with pytest.raises((SpecError, ReaderError), match=message):
        build(**options)
