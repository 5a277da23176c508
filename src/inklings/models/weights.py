"""Weights made elsewhere: read without running code, and fitted name by name."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from inklings.arrays import read_npz
from inklings.errors import ReaderError, SpecError
from inklings.models.google_vit import from_google

WRAPPINGS = ("state_dict", "model_state_dict", "model", "net", "network_weights", "encoder")


def load_weights(model: nn.Module, path: Path) -> None:
    """Fill ``model`` with the weights in ``path``; every name and shape has to fit.

    Raises:
        ReaderError: If the file cannot be read safely.
        SpecError: If names or shapes differ; the message names the first of them.
    """
    fit_weights(model, read_weights(path), str(path))


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file, or of a torch file opened with ``weights_only``.

    A ``.npz`` is one of Google's vision transformers, and gets the names of timm.

    A checkpoint that holds the weights beside other things (optimiser, epoch) is unwrapped, and
    the ``module.`` that parallel training puts before every name is taken off.

    Raises:
        ReaderError: If the file is missing, damaged, or holds more than plain data.
    """
    try:
        if path.suffix == ".safetensors":
            record: Any = load_file(path, device="cpu")
        elif path.suffix == ".npz":
            record = from_google(read_npz(path), path)
        else:
            record = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ReaderError(
            f"{path}: expected plain tensors, got a pickle that is damaged or could run code; "
            "save it again as a state dict, or better as safetensors"
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise ReaderError(f"{path}: expected weights, but they do not open: {reason}") from None
    return _unwrapped(record, path)


def fit_weights(model: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Copy ``state`` into ``model``; ``source`` names it in the error.

    Raises:
        SpecError: If a name is missing or unexpected, or a shape differs.
    """
    own = model.state_dict()
    problems = {
        "missing": [name for name in own if name not in state],
        "unexpected": [name for name in state if name not in own],
        "of another shape": [
            f"{name} {tuple(state[name].shape)} for {tuple(own[name].shape)}"
            for name in own
            if name in state and state[name].shape != own[name].shape
        ],
    }
    if any(problems.values()):
        told = "; ".join(f"{kind}: {_first(names)}" for kind, names in problems.items() if names)
        raise SpecError(f"{source}: the weights do not fit {type(model).__name__}: {told}")
    model.load_state_dict(dict(state))


def _unwrapped(record: Any, path: Path) -> dict[str, Tensor]:
    for key in WRAPPINGS:
        if isinstance(record, Mapping) and isinstance(record.get(key), Mapping):
            record = record[key]
    if not isinstance(record, Mapping) or not record:
        raise ReaderError(f"{path}: expected named tensors, got {type(record).__name__}")
    strange = [name for name, value in record.items() if not isinstance(value, Tensor)]
    if strange:
        raise ReaderError(f"{path}: expected only named tensors, got also {_first(strange)}")
    prefixed = all(str(name).startswith("module.") for name in record)
    return {str(k).removeprefix("module.") if prefixed else str(k): v for k, v in record.items()}


def _first(names: list[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(map(str, names[:shown])) + more
