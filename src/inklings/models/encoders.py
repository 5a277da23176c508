"""Encoders of timm and segmentation_models_pytorch: their names, and their pretrained weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import timm
from torch import Tensor, nn

from inklings.errors import ReaderError, SpecError
from inklings.models.pathology import ClassAndMean, from_transformers
from inklings.models.published import in_cache, published
from inklings.models.weights import fit_weights, read_weights

PREFIX = "tu-"


def resolve(name: str) -> str:
    """The name under which segmentation_models_pytorch knows encoder ``name``.

    Its own encoders come first; any other name is one of timm, where a tag behind a dot chooses
    among pretrained weights (``convnext_tiny.fb_in22k``).

    Raises:
        SpecError: If neither library has it; the message names similar ones.
    """
    if name in smp.encoders.get_encoder_names():
        return name
    bare = name.removeprefix(PREFIX).removeprefix("timm-")
    if timm.is_model(bare.split(".")[0]):
        return PREFIX + bare
    near = [*timm.list_models(f"*{bare.split('.')[0]}*")][:3]
    hint = f"similar: {', '.join(near)}" if near else "timm.list_models() lists those of timm"
    raise SpecError(f"no encoder named {name!r}; {hint}")


def pretrained(encoder: str, weights: str) -> dict[str, Tensor]:
    """Weights for ``encoder`` (a resolved name): ``imagenet``, or a local file.

    Raises:
        SpecError: If there are none for this encoder.
        ReaderError: If they cannot be had; the message says how.
    """
    if weights != "imagenet":
        if not Path(weights).is_file():
            raise ReaderError(
                f"encoder weights: expected 'imagenet' or a file, got {weights!r}, "
                "which does not exist"
            )
        return read_weights(Path(weights))
    return read_weights(_download(encoder, *_address(encoder)))


def start_encoder(
    encoder: nn.Module, name: str, state: dict[str, Tensor], in_channels: int
) -> None:
    """Fill one of segmentation_models_pytorch's own encoders, whatever its number of channels.

    The first convolution of three-channel weights is summed or repeated to fit.

    Raises:
        SpecError: If the weights belong to another encoder.
    """
    donor = smp.encoders.get_encoder(name, in_channels=3, weights=None)
    classifier = ("fc.", "classifier.", "last_linear.", "head.", "_fc.")
    own = set(donor.state_dict())
    fitting = {k: v for k, v in state.items() if k in own or not k.startswith(classifier)}
    fit_weights(donor, fitting, f"encoder {name}")
    donor.set_in_channels(in_channels, pretrained=True)
    encoder.load_state_dict(donor.state_dict())


def _address(encoder: str) -> tuple[str, str | None]:
    """Repository and revision of the pretrained weights of ``encoder``."""
    if encoder.startswith(PREFIX):
        bare = encoder.removeprefix(PREFIX)
        card = timm.get_pretrained_cfg(bare) if timm.is_model_pretrained(bare) else None
        if card is None or not card.hf_hub_id:
            raise SpecError(f"timm has no pretrained weights for {bare!r}; take weights: null")
        return str(card.hf_hub_id), None
    settings = smp.encoders.encoders[encoder]["pretrained_settings"]
    if "imagenet" not in settings:
        raise SpecError(f"encoder {encoder!r} has no imagenet weights; there are {[*settings]}")
    return settings["imagenet"]["repo_id"], settings["imagenet"]["revision"]


def _download(encoder: str, repository: str, revision: str | None) -> Path:
    path = in_cache(repository, ("model.safetensors",), revision)
    if path is not None:
        return path
    raise ReaderError(
        f"weights of {encoder.removeprefix(PREFIX)} are neither in the cache nor to be downloaded "
        f"(no network?): on a connected machine run 'hf download {repository}' and copy its cache "
        "here (HF_HUB_CACHE names the folder), or give weights: PATH to a .safetensors file"
    )


def pooled(
    name: str,
    in_channels: int,
    weights: str | None,
    arguments: Mapping[str, Any] | None = None,
) -> nn.Module:
    """An encoder of timm that returns one vector a picture; ``head_hidden_size`` is its length.

    Where a part of the head stays (VGG, MobileNetV3), ``num_features`` is another number.

    Args:
        name: In timm (a tag behind a dot chooses among pretrained weights), or as
            `inklings.models.published` reads it.
        in_channels: ``C`` of the pictures.
        weights: ``imagenet`` for those that are published with it, a file, or None for random ones.
        arguments: Of the model, beside those that are published with it.

    Raises:
        SpecError: If timm does not have it, or the weights are not those of this model.
        ReaderError: If its weights cannot be had.
    """
    source = published(name)
    bare = source.architecture if source else name.removeprefix(PREFIX)
    if not timm.is_model(bare.split(".")[0]):
        near = timm.list_models(f"*{bare.split('.')[0]}*")[:3]
        hint = f"similar: {', '.join(near)}" if near else "timm.list_models() lists them"
        raise SpecError(f"timm has no encoder named {bare!r}; {hint}")
    given = {**(source.arguments if source else {}), **(arguments or {})}
    try:
        model: nn.Module = timm.create_model(
            bare, pretrained=False, in_chans=in_channels, num_classes=0, **given
        )
    except (TypeError, RuntimeError, ValueError, AssertionError, AttributeError) as error:
        why = " ".join(str(error).split())
        raise SpecError(f"encoder {bare} cannot be made with {given}: {why}") from None
    if weights is not None:
        own = source is not None and weights == "imagenet"
        file = str(source.weights) if source and own else weights
        state = from_transformers(pretrained(PREFIX + bare, file))
        fit_encoder(model, state, bare, in_channels)
    joined = source is not None and source.known and source.known.pooling == "class and mean"
    return ClassAndMean(model) if joined else model


def fit_encoder(model: nn.Module, state: dict[str, Tensor], bare: str, in_channels: int) -> None:
    """Fill an encoder; of the weights only the classifier, which it lacks, may be left over."""
    card = timm.get_pretrained_cfg(bare)
    for first in _listed(card.first_conv if card is not None else None):
        key = f"{first}.weight"
        if key in state and state[key].shape[1] != in_channels:
            state[key] = timm.models.adapt_input_conv(in_channels, state[key])
    heads = (*_listed(card.classifier if card is not None else None), "head", "fc", "classifier")
    own = model.state_dict()
    kept = {
        name: value
        for name, value in state.items()
        if name in own or not name.startswith(tuple(f"{head}." for head in heads))
    }
    try:
        fit_weights(model, kept, f"encoder {bare}")
    except SpecError as error:
        scaled = any(".ls1." in name for name in kept if name not in own)
        hint = " (LayerScale: init_values=1e-5)" if scaled else ""
        raise SpecError(
            f"{error}; model arguments may be missing, say them: --model-args NAME=VALUE{hint}"
        ) from None


def _listed(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())


def normalisation(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and spread of the pixels, in [0, 1], that an encoder of timm was trained with."""
    source = published(name)
    card: Any = source.card if source else None
    if card is None or "mean" not in card or "std" not in card:
        known = timm.get_pretrained_cfg(
            source.architecture if source else name.removeprefix(PREFIX)
        )
        card = {"mean": known.mean, "std": known.std} if known is not None else {}
    mean, spread = card.get("mean"), card.get("std")
    if not mean or not spread:
        return (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return tuple(mean), tuple(spread)
