import pytest
import timm
import torch
from torch import nn

from inklings.errors import ReaderError, SpecError
from inklings.models import MODELS
from inklings.models.hybrid import HybridViT, from_timm
from inklings.models.transunet import TransUNet
from inklings.testing.contracts import ModelContract

TINY = {"width": 8, "dim": 32, "depth": 1, "heads": 2, "hidden": 32, "first": 16}


def build(name: str = "transunet_small", **options) -> nn.Module:
    return MODELS.build(name, {"in_channels": 3, "out_channels": 2, **options})


class TestSmallTransUNet(ModelContract):
    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        return build(in_channels=in_channels, out_channels=out_channels, **TINY)


class TestPaperLayersOfSmallWidth(ModelContract):
    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        # Without dropout and in double steps: standardised weights are sensitive at this width.
        options = {**TINY, "norm": "group", "decoder": (16, 16, 8, 8)}
        return build(in_channels=in_channels, out_channels=out_channels, **options)


@pytest.fixture(scope="module")
def paper() -> TransUNet:
    return build("transunet", out_channels=9).eval()


def test_every_layer_has_the_size_of_the_paper_at_224(paper):
    sizes: dict[str, tuple[int, ...]] = {}
    names = {
        "encoder.patch_embed.backbone.stem": "stem",
        **{f"encoder.patch_embed.backbone.stages.{i}": f"stage {i + 1}" for i in range(3)},
        "encoder.patch_embed.proj": "patches",
        "encoder.norm": "tokens",
        "first": "first",
        **{f"up.{i}": f"up {i + 1}" for i in range(4)},
        "head": "head",
    }
    hooks = [
        module.register_forward_hook(
            lambda _m, _i, out, key=names[name]: sizes.__setitem__(key, tuple(out.shape[1:]))
        )
        for name, module in paper.named_modules()
        if name in names
    ]
    with torch.no_grad():
        paper(torch.randn(1, 3, 224, 224))
    for hook in hooks:
        hook.remove()
    assert sizes == {
        "stem": (64, 112, 112),
        "stage 1": (256, 56, 56),
        "stage 2": (512, 28, 28),
        "stage 3": (1024, 14, 14),
        "patches": (768, 14, 14),
        "tokens": (196, 768),
        "first": (512, 14, 14),
        "up 1": (256, 28, 28),
        "up 2": (128, 56, 56),
        "up 3": (64, 112, 112),
        "up 4": (16, 224, 224),
        "head": (9, 224, 224),
    }


def test_parts_have_as_many_parameters_as_the_paper(paper):
    def millions(module: nn.Module) -> float:
        return round(sum(p.numel() for p in module.parameters()) / 1e6, 2)

    assert len(paper.encoder.blocks) == 12
    assert millions(paper.encoder.blocks) == 85.05
    assert [len(s.blocks) for s in paper.encoder.patch_embed.backbone.stages] == [3, 4, 9]
    assert millions(paper) == pytest.approx(105.28, abs=0.05)


def test_the_encoder_is_the_hybrid_of_timm_number_by_number():
    torch.manual_seed(0)
    theirs = timm.create_model("vit_base_r50_s16_224", pretrained=False, num_classes=0).eval()
    ours = HybridViT(3, 64, (3, 4, 9), 768, 12, 12, 3072, 0.0, 224, "group").eval()
    ours.load_state_dict(from_timm(theirs.state_dict(), ours))
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        features = ours.patch_embed.backbone(images)
        expected = theirs.patch_embed.backbone(images)
        assert torch.allclose(features[-1], expected, atol=1e-3)
        tokens = torch.randn(1, 20, 768)
        assert torch.allclose(ours.blocks(tokens), theirs.blocks(tokens), atol=1e-4)


def test_position_embeddings_follow_the_image():
    encoder = build(**TINY).encoder.eval()
    grid = torch.linspace(0, 1, 8)[None, :, None].expand(8, 8, 32).reshape(1, 64, 32)
    encoder.pos_embed.data.copy_(grid)
    assert torch.equal(encoder.positions(8, 8), encoder.pos_embed)
    resized = encoder.positions(8, 16)[0, :16, 0]
    assert resized.diff().min() > -1e-4
    assert resized[[0, -1]].tolist() == pytest.approx([0, 1], abs=0.06)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_weights_of_timm_fit_from_a_local_file_at_any_size_and_number_of_channels(
    tmp_path, channels
):
    donor = timm.create_model("vit_base_r50_s16_224", pretrained=False, num_classes=7)
    torch.save(donor.state_dict(), tmp_path / "hybrid.pth")
    options = {"in_channels": channels, "image_size": 160, "weights": str(tmp_path / "hybrid.pth")}
    state = build("transunet", **options).encoder.state_dict()
    assert torch.equal(state["blocks.3.attn.qkv.weight"], donor.blocks[3].attn.qkv.weight)
    assert state["pos_embed"].shape == (1, 100, 768)
    stem = state["patch_embed.backbone.stem.conv.weight"]
    assert stem.shape[1] == channels
    if channels == 3:
        assert torch.equal(stem, donor.patch_embed.backbone.stem.conv.weight)


def test_weights_of_another_network_are_refused_in_one_line(tmp_path):
    torch.save(timm.create_model("resnet10t").state_dict(), tmp_path / "a.pth")
    with pytest.raises(SpecError, match="do not fit HybridViT") as caught:
        build("transunet", weights=str(tmp_path / "a.pth"))
    assert "\n" not in str(caught.value)


def test_without_network_the_message_says_how_to_get_the_weights(monkeypatch):
    def offline(*_, **__):
        raise FileNotFoundError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", offline)
    with pytest.raises(ReaderError, match="hf download timm/vit_base_r50_s16_224"):
        build("transunet", weights="imagenet")


def test_skips_are_counted_from_the_coarsest():
    widths = [
        [step.convolve[0][0].in_channels for step in build(**TINY, n_skip=n).up] for n in range(4)
    ]
    assert widths == [[16, 64, 32, 16], [80, 64, 32, 16], [80, 96, 32, 16], [80, 96, 40, 16]]


@pytest.mark.parametrize(
    "options", [{"n_skip": 4}, {"heads": 3}, {"image_size": 100}, {"layers": (1, 1)}, {"norm": "x"}]
)
def test_refuses_impossible_options(options):
    with pytest.raises(SpecError, match="model transunet: expected"):
        build(**{**TINY, **options})
