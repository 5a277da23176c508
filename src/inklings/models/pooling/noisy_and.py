"""Noisy-and: a share of positive instances is enough."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from inklings.models.pooling.base import build_head, counts
from inklings.tensors import Output


class NoisyAnd(nn.Module):
    r"""A threshold on the share of positive instances (Kraus, Ba & Frey 2016).

    ``P = (s(a (m - b)) - s(-a b)) / (s(a (1 - b)) - s(-a b))`` with the mean instance probability
    ``m``, the fixed ``slope`` a and the learnt ``threshold`` b. The reference begins with b = .01.
    """

    evidence = "score"

    def __init__(
        self,
        features: int,
        channels: int,
        head: Any = "linear",
        slope: float = 10.0,
        threshold: float = 0.01,
    ) -> None:
        super().__init__()
        self.slope = slope
        self.threshold = nn.Parameter(torch.full((channels,), float(threshold)))
        self.head = build_head(head, features, channels)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        logits = self.head(features)
        share = (torch.sigmoid(logits) * valid[..., None]).sum(1) / counts(valid)
        a, b = self.slope, self.threshold
        low, high = torch.sigmoid(-a * b), torch.sigmoid(a * (1 - b))
        p = (torch.sigmoid(a * (share - b)) - low) / (high - low)
        return Output(torch.logit(p, eps=1e-6), instances=logits)
