"""Tversky loss."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from inklings.errors import SpecError
from inklings.losses.base import Loss
from inklings.losses.dice import mean_where_seen, soft_counts
from inklings.tensors import Batch, Output


class Tversky(Loss):
    """One minus an overlap that prices the two errors apart (Salehi 2017).

    ``L = 1 - (TP + s) / (TP + alpha FP + beta FN + s)`` with soft counts ``TP = sum(p y)``,
    ``FP = sum(p (1 - y))``, ``FN = sum((1 - p) y)``. ``alpha = beta = 0.5`` is Dice with half the
    ``smooth``; a larger ``beta`` finds more and is wrong more often.

    ``over`` and ``exclusive`` as in `Dice`. Unknown samples: in no count. Nothing known: 0.
    Empty target: 0 if predicted empty.
    """

    def __init__(
        self,
        alpha: float = 0.3,
        beta: float = 0.7,
        smooth: float = 1.0,
        over: Literal["batch", "sample"] = "batch",
        exclusive: bool = False,
    ) -> None:
        super().__init__()
        if alpha < 0 or beta < 0 or not alpha + beta > 0 or not smooth > 0:
            raise SpecError(
                "loss tversky: expected alpha, beta >= 0 (not both 0) and smooth > 0, "
                f"got {alpha}, {beta} and {smooth}"
            )
        if over not in ("batch", "sample"):
            raise SpecError(f"loss tversky: expected over to be batch or sample, got {over!r}")
        self.alpha, self.beta, self.smooth = alpha, beta, smooth
        self.over = over
        self.exclusive = exclusive

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of logits and values ``(B, K, *S)``."""
        hit, predicted, present, seen = soft_counts(output, batch, self.over, self.exclusive)
        errors = self.alpha * (predicted - hit) + self.beta * (present - hit)
        return mean_where_seen(1 - (hit + self.smooth) / (hit + errors + self.smooth), seen)
