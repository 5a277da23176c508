"""The largest instance logit."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from inklings.models.pooling.base import build_head, lower_bias, masked
from inklings.tensors import Output


class Max(nn.Module):
    """A bag is as positive as its most positive instance; only that one learns in a step."""

    evidence = "score"

    def __init__(self, features: int, channels: int, head: Any = "linear") -> None:
        super().__init__()
        self.head = build_head(head, features, channels)
        lower_bias(self.head, -2.0)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        logits = self.head(features)
        return Output(masked(logits, valid).amax(1), instances=logits)
