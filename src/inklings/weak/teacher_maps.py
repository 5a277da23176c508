"""A teacher's maps, in 8 bits that tell samples apart where the decision falls.

A teacher of rough labels is unsure: its probabilities of tissue with and without tumour may lie
within two of 256 steps. Only ranks are asked of it, so its logits are stretched around the score
that decides before they are rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inklings import progress
from inklings.data.array_cache import ArrayCache, arrays_of_cases
from inklings.data.examples import Examples
from inklings.inference.device import best_device
from inklings.inference.volumes import predict_any
from inklings.models.base import Model
from inklings.runs.run import Run, RunRecord
from inklings.spec import SegmentationExperiment
from inklings.supervision.base import Target
from inklings.tensors import Output
from inklings.training.fit import FitResult

_PROBED = 48
_MOST = 16.0
_SPAN = 2.0
"""Logits between the two levels, after stretching, where they lay closer than that."""

Maps = list[NDArray[np.uint8]]
Levels = tuple[float, float]
Measure = Callable[[Maps, Sequence[Target], int], Levels]
"""From maps, what was told of their images, and the number of the class to both levels."""


@dataclass(frozen=True)
class MapScale:
    """How logits of each class are stretched: ``gain * (logit - middle)``.

    Attributes:
        middle: Logit that becomes a probability of one half.
        gain: 1 leaves distances as they are.
    """

    middle: float = 0.0
    gain: float = 1.0

    def probability(self, stretched: float) -> float:
        """What the teacher itself said where its stretched map shows this."""
        return 1 / (1 + math.exp(-(_logit(stretched) / self.gain + self.middle)))


class _Stretched(Model):
    """A model with other logits."""

    middle: Tensor
    gain: Tensor

    def __init__(self, model: Model, scales: Sequence[MapScale]) -> None:
        super().__init__()
        self.model = model
        self.divisor = model.divisor
        self.register_buffer("middle", torch.tensor([s.middle for s in scales]))
        self.register_buffer("gain", torch.tensor([s.gain for s in scales]))

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:
        output: Output = self.model(inputs, valid)
        shape = (1, -1, *[1] * (output.logits.ndim - 2))
        middle, gain = self.middle.view(shape), self.gain.view(shape)
        return replace(output, logits=(output.logits.float() - middle) * gain)


class TeacherMaps:
    """Maps of one trained teacher.

    Networks of exclusive classes (softmax) are not stretched: their probabilities hang together.

    Attributes:
        scales: Of the classes.
    """

    def __init__(
        self, experiment: SegmentationExperiment, trained: FitResult, classes: int
    ) -> None:
        self._trained = trained
        self._run = Run(
            trained.model, trained.model_config, RunRecord(trained.thresholds), experiment
        )
        self.scales = [MapScale()] * classes

    def stretch(self, examples: Examples, measure: Measure) -> None:
        """Find the scales on some of ``examples``, at the levels that ``measure`` finds there."""
        if self._trained.model_config.activation == "softmax":
            return
        some = sorted({*np.linspace(0, len(examples) - 1, _PROBED).astype(int).tolist()})
        targets = [examples.targets[i] for i in some]
        for _ in range(2):  # the second time with steps that are fine enough
            maps = self.of(examples, some)
            self.scales = [
                _around(scale, measure(maps, targets, k)) for k, scale in enumerate(self.scales)
            ]

    def of(self, examples: Examples, which: Sequence[int]) -> Maps:
        """Maps ``(K, *S)`` of some images; 255 for a probability of one."""
        run = self._stretched()
        numbers = progress.track(which, "teacher tries")
        return [_map(run, examples, i) for i in numbers]

    def of_all(self, examples: Examples, shelf: ArrayCache) -> Maps:
        """Maps of all images, mapped from the files of the shelf."""
        run = self._stretched()

        def make(mine: Sequence[int]) -> NDArray[np.uint8]:
            return np.stack([_map(run, examples, i) for i in mine])

        pairs = arrays_of_cases(examples, shelf, make, "teacher predicts")
        return [dense for _, dense in sorted(pairs, key=lambda pair: pair[0])]

    def _stretched(self) -> Run:
        channels = len(self._trained.model_config.channels)
        scales = [MapScale()] * channels
        for k, at in enumerate(self._trained.model_config.kept[: len(self.scales)]):
            scales[at] = self.scales[k]
        stretched = _Stretched(self._trained.model, scales).eval()
        return replace(self._run, model=stretched.to(best_device()))


def _map(run: Run, examples: Examples, i: int) -> NDArray[np.uint8]:
    return predict_any(run, examples.images[i], examples.geometry(i), scale=examples.scale(i))


def _around(scale: MapScale, levels: Levels) -> MapScale:
    low, high = (_logit(level) / scale.gain + scale.middle for level in levels)
    # Levels that fall on one step of the old scale are at least that close.
    closest = 0.5 / 255 * 4 / scale.gain
    return MapScale(high, float(np.clip(_SPAN / max(high - low, closest), 1.0, _MOST)))


def _logit(p: float) -> float:
    p = min(max(p, 1e-3), 1 - 1e-3)
    return math.log(p / (1 - p))
