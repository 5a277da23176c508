"""Checkpoints of a whole training as safetensors and JSON, so that reading one executes nothing.

A checkpoint is a folder with ``state.json`` (the structure, in which each tensor is a name) and
one ``tensors-*.safetensors``, which ``state.json`` names. The tensors are written first, under a
new name; replacing ``state.json`` makes them current in one step, and the older file then goes.
Whenever the process is killed, the folder holds one whole checkpoint: the old or the new.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from inklings.errors import DataError
from inklings.files import read_yaml, write_json, written

_TENSOR, _TUPLE, _PAIRS, _DTYPE = "~tensor", "~tuple", "~pairs", "~dtype"
_DAMAGED = (SafetensorError, ValueError, LookupError, TypeError, AttributeError, OSError)


def exists(folder: Path) -> bool:
    """Whether ``folder`` holds a whole checkpoint."""
    return (folder / "state.json").is_file()


def save(folder: Path, state: Mapping[str, Any]) -> None:
    """Write ``state``: nested mappings, lists and tuples of tensors, numbers, text and None.

    Raises:
        TypeError: If something in it is of another kind; the message says where.
    """
    tensors: dict[str, Tensor] = {}
    structure = _encode(state, tensors, "checkpoint")
    name = f"tensors-{uuid.uuid4().hex[:12]}.safetensors"
    with written(folder / name) as path:
        save_file(tensors, path)
    digest = _sha256(structure, folder / name)
    write_json(folder / "state.json", {"tensors": name, "sha256": digest, "state": structure})
    for old in folder.glob("*.safetensors"):
        if old.name != name:
            old.unlink(missing_ok=True)


def load(folder: Path) -> dict[str, Any]:
    """Read what `save` wrote, tensors on the processor.

    Raises:
        DataError: If there is no checkpoint or it is damaged.
    """
    record = _record(folder)
    try:
        path = folder / record["tensors"]
        if record.get("sha256", "") not in ("", _sha256(record["state"], path)):
            raise ValueError("its checksum differs")  # checkpoints of 0.1 have none
        state: dict[str, Any] = _decode(record["state"], load_file(path))
        return state
    except FileNotFoundError as error:
        raise DataError(
            f"expected a checkpoint at {folder}, but {error.filename} is missing"
        ) from None
    except _DAMAGED as error:
        raise _damaged(folder, error) from None


def load_step(folder: Path) -> int:
    """How many optimiser steps the checkpoint in ``folder`` has behind it.

    Raises:
        DataError: As `load`.
    """
    try:
        return int(_record(folder)["state"]["global_step"])
    except _DAMAGED as error:
        raise _damaged(folder, error) from None


def _record(folder: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = read_yaml(folder / "state.json", "a checkpoint")
        return record
    except DataError as error:
        raise DataError(f"{error}; train into a new folder") from None


def _damaged(folder: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split())
    return DataError(f"{folder}: damaged checkpoint ({reason}); train into a new folder")


def _sha256(structure: Any, path: Path) -> str:
    """Of both files of a checkpoint."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps(structure).encode())
    return digest.hexdigest()


class SafeCheckpointIO(CheckpointIO):
    """Lightning's door to `save` and `load`."""

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any = None,  # noqa: ARG002
    ) -> None:
        """Write the whole checkpoint of a Trainer into the folder ``path``."""
        save(Path(path), checkpoint)

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any = None,  # noqa: ARG002
        weights_only: bool | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Read it again; nothing in it can be executed, whatever ``weights_only`` says."""
        return load(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove the folder ``path``."""
        for file in Path(path).glob("*"):
            file.unlink(missing_ok=True)
        Path(path).rmdir()


def _encode(value: Any, tensors: dict[str, Tensor], where: str) -> Any:
    if isinstance(value, Tensor):
        name = str(len(tensors))
        # A copy: safetensors refuses tensors that share memory, and wants them contiguous.
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
        return {_TENSOR: name}
    if isinstance(value, Mapping):
        plain = all(isinstance(k, str) and not k.startswith("~") for k in value)
        if plain:
            return {k: _encode(v, tensors, f"{where}.{k}") for k, v in value.items()}
        pairs = [
            [_encode(k, tensors, where), _encode(v, tensors, f"{where}.{k}")]
            for k, v in value.items()
        ]
        return {_PAIRS: pairs}
    if isinstance(value, tuple):
        return {_TUPLE: [_encode(v, tensors, f"{where}.{i}") for i, v in enumerate(value)]}
    if isinstance(value, list):
        return [_encode(v, tensors, f"{where}.{i}") for i, v in enumerate(value)]
    if isinstance(value, torch.dtype):
        return {_DTYPE: str(value).removeprefix("torch.")}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{where}: cannot store a {type(value).__name__} in a checkpoint")


def _decode(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_decode(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    if _TENSOR in value:
        return tensors[value[_TENSOR]]
    if _TUPLE in value:
        return tuple(_decode(value[_TUPLE], tensors))
    if _PAIRS in value:
        return {_decode(k, tensors): _decode(v, tensors) for k, v in value[_PAIRS]}
    if _DTYPE in value:
        return getattr(torch, value[_DTYPE])
    return {k: _decode(v, tensors) for k, v in value.items()}
