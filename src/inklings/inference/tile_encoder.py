"""What turns tiles into the instances of a bag."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inklings.errors import SpecError
from inklings.inference.device import best_device
from inklings.inference.run import Run
from inklings.models.encoders import normalisation, pooled

PIXELS = "pixels"
"""Name of the encoder that is none."""

_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Encoder:
    """What turns tiles into vectors.

    Attributes:
        name: In timm; or a folder of a run on bags of pictures, whose encoder is taken; or
            ``pixels``, which leaves tiles as they are.
        weights: ``imagenet``, a file, or None for random ones (a baseline, not a mistake).
        batch: Tiles at once.
    """

    name: str = "resnet18"
    weights: str | None = "imagenet"
    batch: int = 64

    @property
    def is_run(self) -> bool:
        """Whether ``name`` is a run folder."""
        return (Path(self.name) / "model.json").is_file()


@lru_cache(maxsize=1)
def loaded(encoder: Encoder) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """From tiles to what is kept of them; loaded once by each process."""
    if encoder.name == PIXELS:
        return lambda tiles: tiles
    device = best_device()
    forward = _of_run(encoder) if encoder.is_run else _of_timm(encoder)

    def encode(tiles: NDArray[Any]) -> NDArray[Any]:
        with torch.inference_mode():
            found = forward(torch.from_numpy(tiles).to(device)).float()
        return found.clamp(-_LARGEST, _LARGEST).cpu().numpy().astype(np.float16)

    return encode


def _of_timm(encoder: Encoder) -> Callable[[Tensor], Tensor]:
    torch.manual_seed(0)  # random weights must be the same in every process
    model: Any = pooled(encoder.name, 3, encoder.weights).eval().to(best_device())
    mean, spread = (
        torch.tensor(v, device=best_device()).view(1, 3, 1, 1) for v in normalisation(encoder.name)
    )

    def forward(tiles: Tensor) -> Tensor:
        found: Tensor = model((tiles[:, :3].float() / 255 - mean) / spread)
        return found

    return forward


def _of_run(encoder: Encoder) -> Callable[[Tensor], Tensor]:
    run = Run.load(Path(encoder.name))
    model: Any = run.model.eval().to(best_device())
    if not hasattr(model, "encode"):
        raise SpecError(
            f"{encoder.name}: expected a run on bags of pictures, whose encoder can be taken, got "
            f"model {run.blueprint.model.name}; or give the name of an encoder of timm"
        )
    encode: Callable[[Tensor], Tensor] = model.encode
    return encode
