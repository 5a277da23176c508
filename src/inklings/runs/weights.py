"""The weights of a run: read without running code, whole, and of numbers alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from inklings.errors import DataError
from inklings.files import written


def load_weights(model: nn.Module, path: Path) -> None:
    """Fill ``model`` with the weights of a safetensors file.

    Raises:
        DataError: If the file is missing, damaged or belongs to another network.
    """
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected weights (safetensors), got: {reason}") from None
    require_finite(state, f"{path} holds")
    try:
        with torch.no_grad():
            model.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: the weights do not fit the network: {reason}") from None


def digest_of(path: Path) -> str:
    """The fingerprint of a file of weights."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_weights(
    path: Path, model: nn.Module, what: str, metadata: dict[str, str] | None = None
) -> None:
    """Write the weights of ``model``, whole or not at all; ``what`` begins the error.

    Raises:
        DataError: If a weight is no number.
    """
    state = {k: v.detach().cpu().contiguous().clone() for k, v in model.state_dict().items()}
    require_finite(state, what)
    with written(path) as temporary:
        save_file(state, temporary, metadata=metadata)


def require_finite(state: Mapping[str, Tensor], what: str) -> None:
    """Raise DataError where a weight is no number; ``what`` begins the sentence."""
    for name, value in state.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise DataError(
                f"{what} weights that are not numbers ({name}); train again, with a lower "
                "training.learning_rate or with training.precision 32-true"
            )
