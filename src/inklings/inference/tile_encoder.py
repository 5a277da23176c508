"""What turns tiles into the instances of a bag."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inklings.errors import SpecError
from inklings.inference.device import best_device
from inklings.models.base import BagNetwork
from inklings.models.encoders import normalisation, pooled
from inklings.models.pathology import known
from inklings.progress import note
from inklings.runs.run import Run

PIXELS = "pixels"
"""Name of the encoder that is none."""

_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Encoder:
    """What turns tiles into vectors.

    Attributes:
        name: In timm or `inklings.models.pathology`, or ``hf-hub:OWNER/NAME`` or
            ``local-dir:FOLDER`` as timm publishes them; or a folder of a run on bags of pictures,
            whose encoder is taken; or ``pixels``, which leaves tiles as they are.
        weights: ``imagenet`` for those that are published with it, a file, or None for random
            ones (a baseline, not a mistake).
        batch: Tiles at once.
        arguments: Of the model in timm, beside those that are published with it.
        input_size: Side to which tiles are brought; None leaves them as they are, but for
            encoders of `inklings.models.pathology`, which get their own.
        mean: Of the pixels in [0, 1]; None takes what is published with it.
        spread: Their standard deviation.
    """

    name: str = "resnet18"
    weights: str | None = "imagenet"
    batch: int = 64
    arguments: tuple[tuple[str, Any], ...] = ()
    input_size: int | None = None
    mean: tuple[float, ...] | None = None
    spread: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        told = (self.arguments, self.input_size, self.mean, self.spread)
        if any(told) and (self.name == PIXELS or self.is_run):
            raise SpecError(
                f"{self.name}: expected no arguments, size or normalisation, which are for "
                "encoders of timm; leave them out"
            )
        if (self.mean is None) != (self.spread is None):
            raise SpecError("--mean and --std go together: give both")
        for values in (self.mean, self.spread):
            if values is not None and (len(values) not in (1, 3) or not all(map(isfinite, values))):
                raise SpecError(f"expected one number or three for R, G, B, got {values}")
        if self.spread is not None and min(self.spread) <= 0:
            raise SpecError(f"--std: expected numbers above 0, got {self.spread}")

    @property
    def is_run(self) -> bool:
        """Whether ``name`` is a run folder."""
        return (Path(self.name) / "model.json").is_file()


def arguments(text: str | None) -> tuple[tuple[str, Any], ...]:
    """Arguments of a model from the command line: ``init_values=1e-5,dynamic_img_size=true``.

    Raises:
        SpecError: If they do not parse, or one is given twice.
    """
    found: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not name.isidentifier() or not value:
            raise SpecError(f"--model-args: expected NAME=VALUE, got {part!r}")
        if name in found:
            raise SpecError(f"--model-args: expected {name} once, got it twice")
        found[name] = _value(value)
    return tuple(sorted(found.items()))


def numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """Numbers between commas.

    Raises:
        SpecError: If one is none.
    """
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise SpecError(f"{option}: expected numbers between commas, got {text!r}") from None


def _value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


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


def ready(encoder: Encoder, kept: bool) -> None:
    """Load an encoder before the first slide, so that what is missing is said once and at once.

    Args:
        encoder: What will encode.
        kept: Whether it is this process that will use it.

    Raises:
        InklingsError: If it cannot be loaded.
    """
    one = known(encoder.name)
    if one is not None:
        note(f"encoder {encoder.name}: licence {one.licence}, which you must comply with")
    loaded(encoder)
    if not kept:
        loaded.cache_clear()


def _of_timm(encoder: Encoder) -> Callable[[Tensor], Tensor]:
    torch.manual_seed(0)  # random weights must be the same in every process
    model: Any = pooled(encoder.name, 3, encoder.weights, dict(encoder.arguments))
    model = model.eval().to(best_device())
    one = known(encoder.name)
    size = encoder.input_size or (one.size if one else None)
    told = (encoder.mean, encoder.spread) if encoder.mean else normalisation(encoder.name)
    mean, spread = (
        torch.tensor(v, dtype=torch.float32, device=best_device()).view(1, -1, 1, 1) for v in told
    )

    def forward(tiles: Tensor) -> Tensor:
        pixels = tiles[:, :3].float() / 255
        if size and size != pixels.shape[-1]:
            pixels = functional.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
        try:
            found: Tensor = model((pixels - mean) / spread)
        except torch.OutOfMemoryError:
            raise
        except (AssertionError, RuntimeError) as error:
            why = " ".join(str(error).split())
            raise SpecError(
                f"encoder {encoder.name} takes no pictures of {tuple(pixels.shape[-2:])}: {why}; "
                "bring the tiles to its size with --input-size, or give --model-args "
                "dynamic_img_size=true"
            ) from None
        return found

    return forward


def _of_run(encoder: Encoder) -> Callable[[Tensor], Tensor]:
    run = Run.load(Path(encoder.name))
    model = run.model.eval().to(best_device())
    if not isinstance(model, BagNetwork):
        raise SpecError(
            f"{encoder.name}: expected a run on bags of pictures, whose encoder can be taken, got "
            f"model {run.model_config.model.name}; or give the name of an encoder of timm"
        )
    return model.encode
