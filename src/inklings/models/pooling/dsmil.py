"""Dual-stream multiple-instance learning."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from inklings.models.pooling.base import build_head, masked, softmax
from inklings.tensors import Output


class DSMIL(nn.Module):
    r"""An instance classifier with max pooling, and attention by likeness to its winner (Li 2021).

    For each class ``k`` with critical instance ``m``: ``A_ik = softmax(<q_i, q_m> / sqrt(d))``,
    ``z_k = sum(A_ik v_i)``, and a last layer reads all ``z``. Both streams are trained:
    `losses.bag` averages their losses, from ``logits`` and ``second``. In use their mean is the
    answer.
    """

    evidence = "score"

    def __init__(
        self, features: int, channels: int, head: Any = "linear", hidden: int = 128
    ) -> None:
        super().__init__()
        self.head = build_head(head, features, channels)
        self.query = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.Tanh()
        )
        self.value = nn.Linear(features, features)
        self.bag = nn.Linear(channels * features, channels)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        instances = self.head(features)
        highest, critical = masked(instances, valid).max(1)  # (B, K)
        query = self.query(features)  # (B, N, H)
        rows = torch.arange(len(query), device=query.device)[:, None]
        likeness = torch.einsum("bnh,bkh->bnk", query, query[rows, critical])
        attention = softmax(likeness / math.sqrt(query.shape[-1]), valid)
        bags = torch.einsum("bnk,bnd->bkd", attention, self.value(features))
        answer = self.bag(bags.flatten(1))
        if self.training:
            return Output(answer, attention, instances=instances, second=highest)
        return Output((answer + highest) / 2, attention, instances=instances)
