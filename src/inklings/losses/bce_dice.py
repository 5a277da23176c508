"""Binary cross-entropy plus soft Dice."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from inklings.losses.base import Loss
from inklings.losses.bce import BCE
from inklings.losses.dice import Dice
from inklings.tensors import Batch, Output


class BCEDice(Loss):
    """``BCE + dice_weight * Dice``: per-sample gradients early, overlap at the end.

    The Dice term rewards scores near 0 and 1, so probabilities are no longer calibrated; where
    labels are missing and the threshold comes from the class prior, take ``bce`` alone.

    Unknown samples: not looked at. Nothing known: 0. Empty target: see `Dice`.
    """

    def __init__(
        self,
        dice_weight: float = 1.0,
        positive_weight: float | None = None,
        smooth: float = 1.0,
        over: Literal["batch", "sample"] = "batch",
    ) -> None:
        super().__init__()
        self.dice_weight = dice_weight
        self.bce = BCE(positive_weight)
        self.dice = Dice(smooth, over)

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of logits and values ``(B, K, *S)``."""
        entropy: Tensor = self.bce(output, batch)
        overlap: Tensor = self.dice(output, batch)
        return entropy + self.dice_weight * overlap
