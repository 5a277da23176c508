"""Vision transformers as Google published them (``.npz`` of arrays), by the names of timm."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inklings.errors import ReaderError

Array = NDArray[Any]

_BLOCK = {
    "LayerNorm_0": "norm1",
    "LayerNorm_2": "norm2",
    "MlpBlock_3/Dense_0": "mlp.fc1",
    "MlpBlock_3/Dense_1": "mlp.fc2",
    "MultiHeadDotProductAttention_1/out": "attn.proj",
}
_ATTENTION = "MultiHeadDotProductAttention_1"
_UNIT = {
    **{f"conv{k}": f"conv{k}" for k in (1, 2, 3)},
    **{f"gn{k}": f"norm{k}" for k in (1, 2, 3)},
    "conv_proj": "downsample.conv",
    "gn_proj": "downsample.norm",
}
_WHOLE: Mapping[str, str] = {
    "cls": "cls_token",
    "Transformer/posembed_input/pos_embedding": "pos_embed",
    "Transformer/encoder_norm/scale": "norm.weight",
    "Transformer/encoder_norm/bias": "norm.bias",
    "embedding/kernel": "patch_embed.proj.weight",
    "embedding/bias": "patch_embed.proj.bias",
    "conv_root/kernel": "patch_embed.backbone.stem.conv.weight",
    "gn_root/scale": "patch_embed.backbone.stem.norm.weight",
    "gn_root/bias": "patch_embed.backbone.stem.norm.bias",
}
_HEADS = ("head/", "pre_logits/")


def from_google(arrays: Mapping[str, Array], path: Path) -> dict[str, Tensor]:
    """Weights of a vision transformer, plain or hybrid, by the names and axes of timm.

    Kernels ``(H, W, in, out)`` and ``(in, out)`` are turned to ``(out, in, H, W)`` and
    ``(out, in)``; query, key and value of all heads become one matrix; classifiers are left out.

    Raises:
        ReaderError: If there is an array that no such network has; ``path`` names it.
    """
    found: dict[str, Tensor] = {}
    for name, array in arrays.items():
        if name.startswith(_HEADS):
            continue
        inner = re.fullmatch(r"Transformer/encoderblock_(\d+)/(.+)", name)
        unit = re.fullmatch(r"block(\d+)/unit(\d+)/(\w+)/(kernel|scale|bias)", name)
        if name in _WHOLE:
            found[_WHOLE[name]] = _plain(name, array)
        elif inner and inner[2].startswith(_ATTENTION) and "/out/" not in inner[2]:
            continue
        elif inner and inner[2].rpartition("/")[0] in _BLOCK:
            part, _, kind = inner[2].rpartition("/")
            own = array.reshape(-1, array.shape[-1]) if array.ndim == 3 else array
            found[f"blocks.{inner[1]}.{_BLOCK[part]}.{_kind(kind)}"] = _plain(name, own)
        elif unit and unit[3] in _UNIT:
            stage, block = int(unit[1]) - 1, int(unit[2]) - 1
            place = f"patch_embed.backbone.stages.{stage}.blocks.{block}.{_UNIT[unit[3]]}"
            found[f"{place}.{_kind(unit[4])}"] = _plain(name, array)
        else:
            raise ReaderError(
                f"{path}: expected arrays of one of Google's vision transformers, got {name!r}"
            )
    depth = sum(key.endswith(f"{_ATTENTION}/query/kernel") for key in arrays)
    for number in range(depth):
        _take_attention(arrays, number, found)
    if not depth or "patch_embed.proj.weight" not in found:
        raise ReaderError(f"{path}: expected one of Google's vision transformers, got other arrays")
    return found


def _take_attention(arrays: Mapping[str, Array], number: int, found: dict[str, Tensor]) -> None:
    place = f"Transformer/encoderblock_{number}/{_ATTENTION}"
    flat: Mapping[str, Callable[[Array], Array]] = {
        "kernel": lambda array: array.reshape(array.shape[0], -1).T,
        "bias": lambda array: array.reshape(-1),
    }
    for kind, turned in flat.items():
        parts = [turned(arrays[f"{place}/{one}/{kind}"]) for one in ("query", "key", "value")]
        found[f"blocks.{number}.attn.qkv.{_kind(kind)}"] = _tensor(np.concatenate(parts))


def _kind(kind: str) -> str:
    return "bias" if kind == "bias" else "weight"


def _plain(name: str, array: Array) -> Tensor:
    """A kernel turned, a scale without its empty axes, anything else as it is."""
    if name.endswith("kernel"):
        return _tensor(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T)
    return _tensor(array.reshape(-1) if name.endswith(("scale", "bias")) else array)


def _tensor(array: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))
