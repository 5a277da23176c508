"""Log-sum-exp of the instance logits."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from inklings.models.pooling.base import build_head, log_mean_exp, lower_bias
from inklings.tensors import Output


class LogSumExp(nn.Module):
    r"""A soft maximum: ``log(mean(exp(r l_i))) / r`` (Ramon & De Raedt 2000, Pinheiro 2015).

    Near the mean for a small ``sharpness`` r, near the maximum for a large one.
    """

    evidence = "score"

    def __init__(
        self,
        features: int,
        channels: int,
        head: Any = "linear",
        sharpness: float = 4.0,
        bias: float | None = None,
    ) -> None:
        super().__init__()
        self.sharpness = sharpness
        self.head = build_head(head, features, channels)
        if bias is not None:
            lower_bias(self.head, bias)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        logits = self.head(features)
        bag = log_mean_exp(self.sharpness * logits, valid) / self.sharpness
        return Output(bag, instances=logits)
