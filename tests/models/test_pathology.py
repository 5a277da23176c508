"""Encoders of pathology: sizes and parameters as their cards say, weights by other names."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from timm.layers import SwiGLUPacked

from inklings.errors import SpecError
from inklings.models.encoders import normalisation, pooled
from inklings.models.pathology import PATHOLOGY, ClassAndMean, from_transformers, known

MILLIONS = {  # of parameters, as published
    "uni": 303, "uni2-h": 681, "virchow": 631, "virchow2": 631, "h-optimus-0": 1135,
    "h-optimus-1": 1135, "gigapath": 1135, "phikon": 86, "phikon-v2": 303,
}  # fmt: skip


@pytest.mark.parametrize("name", PATHOLOGY)
def test_an_encoder_has_the_width_and_the_parameters_that_are_published(name: str) -> None:
    one = PATHOLOGY[name]
    with torch.device("meta"):
        model = pooled(name, 3, None).eval()
        assert model(torch.zeros(2, 3, one.size, one.size)).shape == (2, one.width)
    assert model.head_hidden_size == one.width
    count = sum(value.numel() for value in model.parameters()) / 1e6
    assert count == pytest.approx(MILLIONS[name], rel=0.01)
    assert normalisation(name) == one.normalisation


def test_names_of_the_hub_are_those_of_the_table_and_no_others() -> None:
    for one in PATHOLOGY.values():
        assert known(f"hf-hub:{one.repository}") is one
        assert known(f"hf_hub:{one.repository.lower()}@main") is one
        assert known(one.repository) is None
    assert known("hf-hub:nobody/uni") is None
    assert known("local-dir:uni") is None
    assert known("runs/conch") is None
    for name in ("conch", "hf-hub:MahmoodLab/CONCH"):
        with pytest.raises(SpecError, match="pools its tokens by a network of its own"):
            known(name)


def small(**options: Any) -> Any:
    torch.manual_seed(0)
    arguments = {"img_size": 32, "depth": 2, "num_classes": 0, **options}
    model = timm.create_model("vit_tiny_patch16_224", **arguments).eval()
    for value in model.parameters():  # no two parts alike, or a wrong place would not be seen
        torch.nn.init.normal_(value, std=0.2)
    return model


def test_registers_are_no_part_of_the_mean() -> None:
    model = small(reg_tokens=4, global_pool="", mlp_layer=SwiGLUPacked)
    pictures = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        tokens = model.forward_features(pictures)
        found = ClassAndMean(model)(pictures)
    assert tokens.shape[1] == 1 + 4 + 4
    assert torch.equal(found[:, :192], tokens[:, 0])
    four = tokens[:, 5] + tokens[:, 6] + tokens[:, 7] + tokens[:, 8]
    torch.testing.assert_close(found[:, 192:], four / 4)


@pytest.mark.parametrize("style", ["vit", "dinov2"])
def test_weights_as_transformers_keeps_them_give_the_same_vectors(style: str) -> None:
    own = small(init_values=1.0 if style == "dinov2" else None)
    state = own.state_dict()
    theirs = {
        "embeddings.cls_token": state["cls_token"],
        "embeddings.position_embeddings": state["pos_embed"],
        "layernorm.weight": state["norm.weight"],
        "layernorm.bias": state["norm.bias"],
    }
    kinds = ("weight", "bias")
    for kind in kinds:
        theirs[f"embeddings.patch_embeddings.projection.{kind}"] = state[f"patch_embed.proj.{kind}"]
    for k in range(2):
        to, there = f"encoder.layer.{k}", f"blocks.{k}"
        for kind in kinds:
            parts = state[f"{there}.attn.qkv.{kind}"].chunk(3)
            for name, part in zip(("query", "key", "value"), parts, strict=True):
                theirs[f"{to}.attention.attention.{name}.{kind}"] = part
            names = {"attention.output.dense": "attn.proj"}
            if style == "vit":
                names |= {"intermediate.dense": "mlp.fc1", "output.dense": "mlp.fc2",
                          "layernorm_before": "norm1", "layernorm_after": "norm2"}  # fmt: skip
            else:
                names |= {name: name for name in ("mlp.fc1", "mlp.fc2", "norm1", "norm2")}
            for name, mine in names.items():
                theirs[f"{to}.{name}.{kind}"] = state[f"{there}.{mine}.{kind}"]
        if style == "dinov2":
            for n in (1, 2):
                theirs[f"{to}.layer_scale{n}.lambda1"] = state[f"{there}.ls{n}.gamma"]
    if style == "dinov2":
        theirs["embeddings.mask_token"] = torch.zeros(1, 192)
    else:
        theirs |= {"pooler.dense.weight": torch.zeros(2, 2), "pooler.dense.bias": torch.zeros(2)}
    prefix = "vit." if style == "vit" else ""
    found = from_transformers({prefix + name: value for name, value in theirs.items()})
    assert {k: v.shape for k, v in found.items()} == {k: v.shape for k, v in state.items()}
    assert all(torch.equal(found[name], state[name]) for name in state)
    assert from_transformers(state) == state
