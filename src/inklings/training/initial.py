"""First weights from elsewhere: another run, a safetensors file, or a foreign checkpoint."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from inklings.errors import DataError

_PREFIXES = ("module.", "model.", "net.", "_orig_mod.")
_NESTS = ("state_dict", "model_state_dict", "model_state", "model", "net")


def read_weights(source: Path) -> dict[str, Tensor]:
    """The tensors of a run folder, ``.safetensors``, ``.pt`` or ``.pth``.

    Foreign checkpoints are opened with ``weights_only=True``: nothing in them is executed.

    Raises:
        DataError: If there are none, or the file holds more than weights.
    """
    path = source / "weights.safetensors" if source.is_dir() else source
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        record = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError(f"expected weights at {path}, but there is no such file") from None
    except pickle.UnpicklingError:
        raise DataError(
            f"{path}: expected a checkpoint of tensors only, got one that holds program code, "
            "which is not opened; save its state_dict() instead"
        ) from None
    except (SafetensorError, RuntimeError, OSError, EOFError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: expected weights, but the file is damaged: {reason}") from None
    return _tensors(record, path)


def _tensors(record: Any, path: Path) -> dict[str, Tensor]:
    for nest in _NESTS:
        if isinstance(record, Mapping) and isinstance(record.get(nest), Mapping):
            record = record[nest]
    found = (
        {str(k): v for k, v in record.items() if isinstance(v, Tensor)}
        if isinstance(record, Mapping)
        else {}
    )
    if not found:
        raise DataError(f"{path}: expected a mapping of names to tensors, got none")
    return found


def fill(model: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Copy ``weights`` into ``model``; names may carry the usual wrappers' prefixes.

    Raises:
        DataError: If a weight of the model is missing or of another shape.
    """
    own = model.state_dict()
    given = {_bare(k, own): v for k, v in weights.items()}
    missing = [k for k in own if k not in given and not k.endswith("num_batches_tracked")]
    shaped = [k for k in own if k in given and given[k].shape != own[k].shape]
    if missing or shaped:
        name = (missing or shaped)[0]
        came = "nothing" if missing else f"shape {tuple(given[name].shape)}"
        raise DataError(
            f"{source}: the weights belong to another network: expected {name} of shape "
            f"{tuple(own[name].shape)}, got {came} ({len(missing)} missing, {len(shaped)} of "
            f"another shape, of {len(own)}); give the model that they were trained with"
        )
    model.load_state_dict({k: given.get(k, v) for k, v in own.items()})


def _bare(name: str, own: Mapping[str, Tensor]) -> str:
    while name not in own:
        prefix = next((p for p in _PREFIXES if name.startswith(p)), None)
        if prefix is None:
            break
        name = name.removeprefix(prefix)
    return name
