"""Encoders of timm and segmentation_models_pytorch: their names, and their pretrained weights."""

from __future__ import annotations

import warnings
from pathlib import Path

import huggingface_hub
import segmentation_models_pytorch as smp
import timm
from torch import Tensor, nn

from inklings.errors import ReaderError, SpecError
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
    # The cache first: without a network the hub would be tried for half a minute.
    for local in (True, False):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                path = huggingface_hub.hf_hub_download(
                    repository, "model.safetensors", revision=revision, local_files_only=local
                )
            return Path(path)
        except (OSError, ValueError, huggingface_hub.errors.HfHubHTTPError):
            continue
    raise ReaderError(
        f"weights of {encoder.removeprefix(PREFIX)} are neither in the cache nor to be downloaded "
        f"(no network?): on a connected machine run 'hf download {repository}' and copy its cache "
        "here (HF_HUB_CACHE names the folder), or give weights: PATH to a .safetensors file"
    )


def pooled(name: str, in_channels: int, weights: str | None) -> nn.Module:
    """An encoder of timm that returns one vector a picture; ``num_features`` is its length.

    Args:
        name: In timm; a tag behind a dot chooses among pretrained weights.
        in_channels: ``C`` of the pictures.
        weights: ``imagenet``, a file, or None for random ones.

    Raises:
        SpecError: If timm does not have it.
        ReaderError: If its weights cannot be had.
    """
    bare = name.removeprefix(PREFIX)
    if not timm.is_model(bare.split(".")[0]):
        near = timm.list_models(f"*{bare.split('.')[0]}*")[:3]
        hint = f"similar: {', '.join(near)}" if near else "timm.list_models() lists them"
        raise SpecError(f"timm has no encoder named {name!r}; {hint}")
    model: nn.Module = timm.create_model(
        bare, pretrained=False, in_chans=in_channels, num_classes=0
    )
    if weights is not None:
        card = timm.get_pretrained_cfg(bare)
        state = pretrained(PREFIX + bare, weights)
        prefixes = card.first_conv if card is not None and card.first_conv else ()
        firsts = (prefixes,) if isinstance(prefixes, str) else tuple(prefixes)
        for first in firsts:
            key = f"{first}.weight"
            if key in state and state[key].shape[1] != in_channels:
                state[key] = timm.models.adapt_input_conv(in_channels, state[key])
        own = model.state_dict()
        fit_weights(model, {k: v for k, v in state.items() if k in own}, f"encoder {bare}")
    return model


def normalisation(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and spread of the pixels, in [0, 1], that an encoder of timm was trained with."""
    card = timm.get_pretrained_cfg(name.removeprefix(PREFIX))
    if card is None:
        return (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return tuple(card.mean), tuple(card.std)
