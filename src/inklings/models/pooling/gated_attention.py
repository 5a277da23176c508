"""Gated attention pooling."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from inklings.models.pooling.base import Attending, build_head, softmax
from inklings.tensors import Output


class Gate(nn.Module):
    r"""Attention scores ``w (tanh(V h_i) * sigmoid(U h_i))``, one for each branch."""

    def __init__(self, features: int, hidden: int, branches: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.V, self.U = nn.Linear(features, hidden), nn.Linear(features, hidden)
        self.w, self.dropout = nn.Linear(hidden, branches), nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """``(B, N, D)`` to ``(B, N, branches)``."""
        gated = torch.tanh(self.V(features)) * torch.sigmoid(self.U(features))
        scores: Tensor = self.w(self.dropout(gated))
        return scores


class GatedAttention(Attending):
    r"""``a = softmax(w (tanh(V h_i) * sigmoid(U h_i)))`` (Ilse, Tomczak & Welling 2018)."""

    def __init__(
        self, features: int, channels: int, head: Any = "linear", hidden: int = 128
    ) -> None:
        super().__init__()
        self.gate = Gate(features, hidden)
        self.head = build_head(head, features, channels)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        return self.attended(softmax(self.gate(features)[..., 0], valid), features)
