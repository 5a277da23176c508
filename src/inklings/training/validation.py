"""Whole images through a model in training: the score of the validation part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inklings.inference.sliding_window import sliding_window
from inklings.sampling import INTENSITIES
from inklings.spec import Experiment
from inklings.tensors import Batch, Output
from inklings.training.examples import Examples
from inklings.training.thresholds import counts, dice


@dataclass(frozen=True)
class Score:
    """How good the weights are now.

    Attributes:
        loss: The experiment's own loss, averaged over images.
        dice: Mean over images and channels at 0.5; NaN where labels are not complete.
    """

    loss: float
    dice: float

    @property
    def merit(self) -> float:
        """What is compared: Dice where it can be known, else the loss; more is better."""
        return -self.loss if np.isnan(self.dice) else self.dice


class Validator:
    """Predicts and scores whole images.

    Args:
        examples: What to predict.
        experiment: Intensity, window and overlap.
        precision: Of the forward pass, as Lightning names it.
    """

    def __init__(self, examples: Examples, experiment: Experiment, precision: str) -> None:
        self.examples, self.experiment, self.precision = examples, experiment, precision
        self._intensity = INTENSITIES.build(experiment.intensity.name, experiment.intensity.options)

    def dense(self, model: nn.Module, index: int, exclusive: bool = False) -> NDArray[np.uint8]:
        """``(K, H, W)`` quantised probabilities of one image of any size."""
        device = next(model.parameters()).device

        def forward(inputs: Tensor) -> Tensor:
            inputs = inputs.to(device).contiguous(memory_format=torch.channels_last)
            logits: Tensor = model(inputs, None).logits.float()
            return logits.softmax(1) if exclusive else logits.sigmoid()

        settings = self.experiment.inference
        with _forward_mode(model, self.precision):
            return sliding_window(
                forward,
                self._intensity(self.examples.images[index]),
                window=settings.window,
                overlap=settings.overlap,
                divisor=int(getattr(model, "divisor", 1)),
            )

    def score(self, model: nn.Module, loss: nn.Module, exclusive: bool = False) -> Score:
        """Loss and Dice over all images."""
        losses, dices = [], []
        for i, target in enumerate(self.examples.targets):
            dense = self.dense(model, i, exclusive)
            losses.append(_loss(loss, dense, target.value, target.known, exclusive))
            if target.known.all():
                dices.append(dice(counts(dense, target))[:, 128])
        table = np.array(dices) if dices and self.examples.complete else np.full((1, 1), np.nan)
        found = table[~np.isnan(table)]
        return Score(float(np.mean(losses)), float(found.mean()) if len(found) else float("nan"))


def _loss(
    loss: nn.Module,
    dense: NDArray[np.uint8],
    value: NDArray[np.uint8],
    known: NDArray[np.bool_],
    exclusive: bool,
) -> float:
    """The loss of quantised probabilities, through the logits that they stand for."""
    p = torch.from_numpy(dense)[None].float().div(255).clamp(1 / 510, 1 - 1 / 510)
    batch = Batch(
        p,
        torch.from_numpy(np.ascontiguousarray(value))[None].float() / 255,
        torch.from_numpy(np.ascontiguousarray(known))[None, None],
    )
    device = next((b.device for b in loss.buffers()), p.device)
    batch = Batch(*(t.to(device) for t in (batch.inputs, batch.value, batch.known)))
    logits = batch.inputs.log() if exclusive else torch.logit(batch.inputs)
    was = loss.training
    loss.eval()
    try:
        with torch.no_grad():
            return float(loss(Output(logits), batch))
    finally:
        loss.train(was)


@contextmanager
def _forward_mode(model: nn.Module, precision: str) -> Iterator[Any]:
    was = model.training
    device = next(model.parameters()).device.type
    kinds = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
    model.eval()
    try:
        with (
            torch.no_grad(),
            torch.autocast(
                device, dtype=kinds.get(precision, torch.bfloat16), enabled=precision in kinds
            ),
        ):
            yield
    finally:
        model.train(was)
