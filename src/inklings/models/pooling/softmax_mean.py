"""The reference's SoftMaxMeanSimple."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from inklings.models.pooling.base import Attending, build_head, softmax
from inklings.tensors import Output


class SoftMaxMean(Attending):
    """Weights are the softmax of the summed outputs of a small network on each instance.

    The reference takes the softmax over padding too; here it does not exist.
    """

    def __init__(
        self, features: int, channels: int, head: Any = "linear", hidden: int = 128
    ) -> None:
        super().__init__()
        self.transform = nn.Sequential(
            nn.Linear(features, hidden), nn.LeakyReLU(), nn.Linear(hidden, features), nn.LeakyReLU()
        )
        self.head = build_head(head, features, channels)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        weights = softmax(self.transform(features).sum(-1), valid)
        return self.attended(weights, features)
