"""Clustering-constrained attention."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from inklings.models.pooling.base import Attending, build_head, softmax
from inklings.models.pooling.gated_attention import Gate
from inklings.tensors import Output


class SingleBranch(Attending):
    """CLAM-SB (Lu 2021): gated attention whose extremes are told apart by instance classifiers.

    For every class a classifier of two answers looks at each instance; the loss (`losses.bag`)
    asks it to separate the most from the least attended of a bag.
    """

    def __init__(
        self,
        features: int,
        channels: int,
        head: Any = "linear",
        hidden: int = 128,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        self.gate = Gate(features, hidden, dropout=dropout)
        self.head = build_head(head, features, channels)
        self.clusters = nn.Linear(features, 2 * channels)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        out = self.attended(softmax(self.gate(features)[..., 0], valid), features)
        return out.with_clusters(self.clusters(features).unflatten(-1, (-1, 2)))


class MultiBranch(Attending):
    """CLAM-MB (Lu 2021): each class attends by itself and reads its own attended mean."""

    head: nn.Linear

    def __init__(
        self, features: int, channels: int, hidden: int = 128, dropout: float = 0.25
    ) -> None:
        super().__init__()
        self.gate = Gate(features, hidden, channels, dropout)
        self.head = nn.Linear(features, channels)
        self.clusters = nn.Linear(features, 2 * channels)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        attention = softmax(self.gate(features), valid)  # (B, N, K)
        bags = torch.einsum("bnk,bnd->bkd", attention, features)
        logits = (bags * self.head.weight).sum(-1) + self.head.bias
        said = Output(logits, attention)
        if not self.silent:
            alone = self.head(features)
            said = Output(logits, attention, alone, attention * (alone - self.head.bias))
        return said.with_clusters(self.clusters(features).unflatten(-1, (-1, 2)))
