"""Attention pooling."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from inklings.models.pooling.base import Attending, build_head, softmax
from inklings.tensors import Output


class Attention(Attending):
    r"""``z = sum(a_i h_i)``, ``a = softmax(w tanh(V h_i))`` (Ilse, Tomczak & Welling 2018).

    Args:
        features: ``D``.
        channels: ``K``.
        head: On ``z``.
        hidden: Rows of ``V``.
    """

    def __init__(
        self, features: int, channels: int, head: Any = "linear", hidden: int = 128
    ) -> None:
        super().__init__()
        self.V, self.w = nn.Linear(features, hidden), nn.Linear(hidden, 1)
        self.head = build_head(head, features, channels)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        scores = self.w(torch.tanh(self.V(features)))[..., 0]
        return self.attended(softmax(scores, valid), features)
