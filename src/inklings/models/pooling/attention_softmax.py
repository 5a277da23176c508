"""The reference's AttentionSoftMax."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from inklings.models.pooling.base import Attending, build_head, softmax
from inklings.tensors import Output


class AttentionSoftMax(Attending):
    """Weights are the softmax of a linear query of ``LeakyReLU(W h_i)``; ``W`` is square.

    The reference lets padded rows take part; here they do not exist.
    """

    def __init__(
        self, features: int, channels: int, head: Any = "linear", hidden: int | None = None
    ) -> None:
        super().__init__()
        self.keys = nn.Linear(features, hidden or features)
        self.query = nn.Linear(hidden or features, 1)
        self.head = build_head(head, features, channels)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        scores = self.query(F.leaky_relu(self.keys(features)))[..., 0]
        return self.attended(softmax(scores, valid), features)
