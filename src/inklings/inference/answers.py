"""One network as a function of one tensor: for what leaves the package, and for its tests."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inklings.data import INTENSITIES
from inklings.data.intensity import apply
from inklings.models.base import BagNetwork
from inklings.runs.run import Run

_BAG = 5  # instances of a test


class Answer(nn.Module):
    """What a run's network says, in float32 on the processor.

    Of a segmentation the probabilities ``(B, K, *S)`` that predictions keep (the classes, then the
    core of objects where there is one), before windows are blended and calibration is applied; of
    other tasks the logits.

    Args:
        run: A trained model.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.model = run.model.eval().cpu().float()
        self._config = run.model_config
        self._dense = run.task == "segmentation"
        kept = list(run.model_config.kept) if self._dense else []
        every = kept == list(range(len(run.model_config.channels)))
        self._kept = None if every or not self._dense else kept

    def forward(self, inputs: Tensor) -> Tensor:
        """Of ``inputs`` ``(B, C, *S)`` whose intensities are as the network takes them."""
        logits: Tensor = self.model(inputs).logits
        if not self._dense:
            return logits
        soft = self._config.activation == "softmax"
        found = logits.softmax(1) if soft else logits.sigmoid()
        return found if self._kept is None else found[:, self._kept]

    def of_raw(self, raw: NDArray[Any]) -> Tensor:
        """Of samples ``(1, C, *S)`` as files have them, or of one bag ``(N, *shape)``."""
        if isinstance(self.model, BagNetwork):
            valid = torch.ones(1, len(raw), dtype=torch.bool)
            logits: Tensor = self.model(torch.from_numpy(raw), valid).logits
            return logits
        asked = self._config.intensity
        scale = INTENSITIES.build(asked.name, asked.options).scale(raw[0])
        found: Tensor = self(torch.from_numpy(apply(raw[0], scale)[None]))
        return found


def sides_of(run: Run) -> tuple[int, ...]:
    """Sides of a small input ``S`` that a run's network takes without padding."""
    config, model = run.model_config, run.model
    if config.resize is not None:
        return (config.resize,) * model.dimensions
    least = max(math.lcm(config.divisor, model.divisor), model.smallest)
    if config.window is not None:
        return tuple(min(side, -(-16 // least) * least) for side in config.window)
    return (-(-48 // least) * least if model.dimensions == 2 else -(-16 // least) * least,) * (
        model.dimensions
    )


def raw_sample(run: Run) -> NDArray[Any]:
    """A small input as files have it, always the same: a bright block on noise.

    Returns:
        ``(1, C, *S)``: 8-bit where the run takes nothing else, else float32; of a run of bags one
        bag ``(N, *shape)``.
    """
    draw = np.random.default_rng(29)
    config = run.model_config
    if isinstance(run.model, BagNetwork):
        shape = tuple(config.model.options.get("shape") or (config.in_channels,))
        return draw.standard_normal((_BAG, *shape)).astype(np.float32)
    sides = sides_of(run)
    values = draw.uniform(0, 0.5, (1, config.in_channels, *sides))
    bright = (slice(None), slice(None), *(slice(side // 4, side // 2) for side in sides))
    values[bright] += 0.5
    options = config.intensity.options
    if config.intensity.name == "window":
        low, high = float(options["low"]), float(options["high"])
        return (low + values * (high - low)).astype(np.float32)
    levels = np.rint(255 * values)
    return levels.astype(np.uint8 if config.intensity.name == "half" else np.float32)
