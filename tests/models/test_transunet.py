import numpy as np
import pytest
import timm
import torch
from torch import nn

from inklings.errors import ReaderError, SpecError
from inklings.models import MODELS
from inklings.models.hybrid import HybridViT, from_timm
from inklings.models.transunet import VITS, TransUNet
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


def google(folder, vit, heads: int = 2):
    """A small ``.npz`` in the layout of Google's, with random numbers."""
    rng, dim, hidden = np.random.default_rng(0), 32, 48
    sizes = {"cls": (1, 1, dim), "Transformer/posembed_input/pos_embedding": (1, 1 + 4 * 4, dim)}
    sizes |= {f"Transformer/encoder_norm/{k}": (dim,) for k in ("scale", "bias")}
    block = "Transformer/encoderblock_0"
    for part in ("LayerNorm_0", "LayerNorm_2"):
        sizes |= {f"{block}/{part}/{k}": (dim,) for k in ("scale", "bias")}
    dense = {"Dense_0": (dim, hidden), "Dense_1": (hidden, dim)}
    for part, (before, after) in dense.items():
        sizes[f"{block}/MlpBlock_3/{part}/kernel"] = (before, after)
        sizes[f"{block}/MlpBlock_3/{part}/bias"] = (after,)
    attention = f"{block}/MultiHeadDotProductAttention_1"
    for part in ("query", "key", "value"):
        sizes[f"{attention}/{part}/kernel"] = (dim, heads, dim // heads)
        sizes[f"{attention}/{part}/bias"] = (heads, dim // heads)
    sizes |= {
        f"{attention}/out/kernel": (heads, dim // heads, dim),
        f"{attention}/out/bias": (dim,),
    }
    sizes |= {"embedding/bias": (dim,), "head/kernel": (dim, 7), "head/bias": (7,)}
    if vit.layers:
        sizes |= {"embedding/kernel": (1, 1, 1024, dim), "conv_root/kernel": (7, 7, 3, 64)}
        sizes |= {f"gn_root/{k}": (1, 1, 1, 64) for k in ("scale", "bias")}
        before = 64
        for stage, count in enumerate(vit.layers):
            after = 256 * 2**stage
            for unit in range(count):
                place, inner = f"block{stage + 1}/unit{unit + 1}", after // 4
                shapes = {
                    1: (1, 1, before, inner),
                    2: (3, 3, inner, inner),
                    3: (1, 1, inner, after),
                }
                for k, shape in shapes.items():
                    sizes[f"{place}/conv{k}/kernel"] = shape
                    sizes |= {f"{place}/gn{k}/{s}": (1, 1, 1, shape[-1]) for s in ("scale", "bias")}
                if unit == 0:
                    sizes[f"{place}/conv_proj/kernel"] = (1, 1, before, after)
                    sizes |= {f"{place}/gn_proj/{s}": (1, 1, 1, after) for s in ("scale", "bias")}
                before = after
    else:
        sizes["embedding/kernel"] = (16, 16, 3, dim)
    path = folder / "google.npz"
    np.savez(path, **{k: rng.standard_normal(s, np.float32) for k, s in sizes.items()})
    return path, {"dim": dim, "depth": 1, "heads": heads, "hidden": hidden}


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("R50-ViT-B_16", "vit_base_r50_s16_224"), ("ViT-B_16", "vit_base_patch16_224")],
)
def test_googles_arrays_are_read_as_timm_reads_them(tmp_path, name, theirs):
    path, sizes = google(tmp_path, VITS[name])
    small = {"embed_dim": 32, "depth": 1, "num_heads": 2, "mlp_ratio": 1.5, "img_size": 64}
    donor = timm.create_model(theirs, num_classes=7, **small)
    donor.load_pretrained(str(path))
    ours = build("transunet", vit=name, image_size=64, weights=str(path), **sizes).encoder
    expected = from_timm(donor.state_dict(), ours)
    for key, value in ours.state_dict().items():
        torch.testing.assert_close(value, expected[key], rtol=0, atol=1e-6, msg=key)
    larger = build("transunet", vit=name, image_size=96, weights=str(path), **sizes).encoder
    assert larger.pos_embed.shape == (1, 36, 32)


def test_a_hybrid_and_a_plain_transformer_are_not_confused(tmp_path):
    path, sizes = google(tmp_path, VITS["ViT-B_16"])
    with pytest.raises(SpecError, match=r"expected weights of a hybrid .* got those of a plain"):
        build("transunet", image_size=64, weights=str(path), **sizes)
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ReaderError, match="vision transformers, got 'x'"):
        build("transunet", weights=str(tmp_path / "other.npz"))


@pytest.mark.parametrize("vit", ["ViT-B_16", "ViT-B_32", "ViT-L_16", "R50-ViT-L_16"])
def test_named_transformers_have_their_published_sizes(vit):
    with torch.device("meta"):
        model = build("transunet", vit=vit)
    blocks = sum(p.numel() for p in model.encoder.blocks.parameters())
    dim = 1024 if "L" in vit else 768
    # A block: 4 d^2 of attention, 8 d^2 of the perceptron, 13 d of biases and norms.
    assert blocks == (24 if "L" in vit else 12) * (12 * dim**2 + 13 * dim)
    logits = model(torch.zeros(1, 3, 70, 101, device="meta")).logits
    assert logits.shape == (1, 2, 70, 101)
    if not vit.startswith("R50"):
        with pytest.raises(SpecError, match="expected n_skip 0 to 0"):
            build("transunet", vit=vit, n_skip=3)


def test_weights_that_nobody_published_are_a_line_that_says_so():
    with pytest.raises(SpecError, match=r"no weights of R50-ViT-L_16; .*R50\+ViT-L_16.npz"):
        build("transunet", vit="R50-ViT-L_16", weights="imagenet", dim=32, depth=1, heads=2)
    with pytest.raises(SpecError, match=r"expected vit R50-ViT-B_16, .* got 'ViT-H_14'"):
        build("transunet", vit="ViT-H_14")
