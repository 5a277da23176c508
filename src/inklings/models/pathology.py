"""Published encoders of pathology by one table: what their files do not say of themselves.

Their weights are gated: each user accepts a licence at the hub, downloads the file, and gives it
(``--encoder uni --weights pytorch_model.bin``); with a login, ``--encoder uni`` alone takes it from
the hub's cache. Nothing of them is in this package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from timm.layers.mlp import SwiGLUPacked
from torch import Tensor, nn

from inklings.errors import SpecError

Pooling = Literal["class", "class and mean"]

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
BIOPTIMUS = ((0.707223, 0.578729, 0.703617), (0.211883, 0.230117, 0.177517))
_NO_COMMERCE = "CC BY-NC-ND 4.0"
_OWKIN = "Owkin non-commercial licence"


@dataclass(frozen=True)
class Pathology:
    """One encoder, as its model card says.

    Attributes:
        repository: At the hub.
        architecture: Name in timm.
        width: Of its vectors.
        licence: That each user has to accept.
        arguments: Of the model in timm.
        size: Side of the pictures that it was trained with.
        normalisation: Mean and standard deviation of the pixels in [0, 1].
        pooling: ``class``: the class token; ``class and mean``: and the mean of the tokens of the
            picture behind it.
    """

    repository: str
    architecture: str
    width: int
    licence: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    size: int = 224
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET
    pooling: Pooling = "class"


_SWIGLU = {"mlp_layer": SwiGLUPacked, "act_layer": nn.SiLU}
_VIRCHOW = {
    "img_size": 224, "init_values": 1e-5, "mlp_ratio": 5.3375, "global_pool": "",
    "dynamic_img_size": True, **_SWIGLU,
}  # fmt: skip
_OPTIMUS = {"img_size": 224, "init_values": 1e-5, "global_pool": "token"}

PATHOLOGY: dict[str, Pathology] = {
    "uni": Pathology(
        "MahmoodLab/UNI", "vit_large_patch16_224", 1024, _NO_COMMERCE,
        {"img_size": 224, "init_values": 1e-5, "dynamic_img_size": True},
    ),
    "uni2-h": Pathology(
        "MahmoodLab/UNI2-h", "vit_giant_patch14_224", 1536, _NO_COMMERCE,
        {"img_size": 224, "patch_size": 14, "depth": 24, "num_heads": 24, "init_values": 1e-5,
         "embed_dim": 1536, "mlp_ratio": 2.66667 * 2, "no_embed_class": True, "reg_tokens": 8,
         "dynamic_img_size": True, **_SWIGLU},
    ),
    "virchow": Pathology(
        "paige-ai/Virchow", "vit_huge_patch14_224", 2560, "Apache 2.0", _VIRCHOW,
        pooling="class and mean",
    ),
    "virchow2": Pathology(
        "paige-ai/Virchow2", "vit_huge_patch14_224", 2560, _NO_COMMERCE,
        {**_VIRCHOW, "reg_tokens": 4}, pooling="class and mean",
    ),
    "h-optimus-0": Pathology(
        "bioptimus/H-optimus-0", "vit_giant_patch14_reg4_dinov2", 1536, "Apache 2.0", _OPTIMUS,
        normalisation=BIOPTIMUS,
    ),
    "h-optimus-1": Pathology(
        "bioptimus/H-optimus-1", "vit_giant_patch14_reg4_dinov2", 1536, _NO_COMMERCE, _OPTIMUS,
        normalisation=BIOPTIMUS,
    ),
    "gigapath": Pathology(
        "prov-gigapath/prov-gigapath", "vit_giant_patch14_dinov2", 1536, "Apache 2.0",
        {"img_size": 224, "patch_size": 16, "embed_dim": 1536, "depth": 40, "num_heads": 24,
         "init_values": 1e-5, "mlp_ratio": 5.33334, "global_pool": "token"},
    ),
    "phikon": Pathology("owkin/phikon", "vit_base_patch16_224", 768, _OWKIN),
    "phikon-v2": Pathology(
        "owkin/phikon-v2", "vit_large_patch16_224", 1024, _OWKIN, {"init_values": 1.0}
    ),
}  # fmt: skip

REFUSED = {
    "conch": "pools its tokens by a network of its own, which timm does not have: write its "
    "features with TRIDENT, and 'inklings import features'",
}


def known(name: str) -> Pathology | None:
    """The encoder by its name here or at the hub; None for any other.

    Raises:
        SpecError: If it is known not to be one of timm.
    """
    address = re.sub("^hf[-_]hub:", "", name).partition("@")[0].lower()
    at_hub = name[:7] in ("hf-hub:", "hf_hub:")
    if (why := REFUSED.get(address.rpartition("/")[2] if at_hub else name)) is not None:
        raise SpecError(f"encoder {name} {why}")
    for short, one in PATHOLOGY.items():
        if name == short or (at_hub and address == one.repository.lower()):
            return one
    return None


class ClassAndMean(nn.Module):
    """The class token and the mean of the tokens of the picture, one behind the other.

    Args:
        model: A vision transformer of timm without pooling, whose prefix (class token and
            registers) is left out of the mean.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.head_hidden_size = 2 * int(model.head_hidden_size)

    def forward(self, inputs: Tensor) -> Tensor:
        """``(B, 3, H, W)`` to ``(B, 2 D)``."""
        tokens = self.model.forward_features(inputs)
        rest = tokens[:, self.model.num_prefix_tokens :]
        return torch.cat([tokens[:, 0], rest.mean(1)], dim=1)


_RENAMED = (
    (r"^(vit|dinov2)\.", ""),
    (r"^embeddings\.cls_token$", "cls_token"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^encoder\.layer\.(\d+)\.", r"blocks.\1."),
    (r"\.(layernorm_before|norm1)\.", ".norm1."),
    (r"\.(layernorm_after|norm2)\.", ".norm2."),
    (r"\.attention\.output\.dense\.", ".attn.proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"^layernorm\.", "norm."),
)


def from_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of ViT and DINOv2 as transformers keeps them, by the names of timm; others stay.

    Queries, keys and values become one matrix; the token of masked patches, which only training
    uses, goes.
    """
    if not any("attention.attention.query" in name for name in state):
        return dict(state)
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        for pattern, instead in _RENAMED:
            name = re.sub(pattern, instead, name)
        found[name] = value
    for name in [name for name in found if ".attention.attention.query." in name]:
        parts = [found.pop(name.replace("query", one)) for one in ("query", "key", "value")]
        found[name.replace("attention.attention.query", "attn.qkv")] = torch.cat(parts)
    kept = ("embeddings.mask_token", "pooler.")
    return {name: value for name, value in found.items() if not name.startswith(kept)}
