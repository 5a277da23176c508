"""The mean of the most positive instances."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from inklings.errors import SpecError
from inklings.models.pooling.base import build_head, lower_bias, masked
from inklings.tensors import Output


class MaxMin(nn.Module):
    """Mean logit of the ``ceil(alpha N)`` highest instances, never of none.

    Goes with the loss ``max_min`` (Lerousseau 2020), which gives the instances labels of their
    own. The original takes ``int(alpha N)``, which is none at all for a small bag.
    """

    evidence = "score"

    def __init__(
        self, features: int, channels: int, head: Any = "linear", alpha: float = 0.1
    ) -> None:
        super().__init__()
        if not 0 < alpha <= 1:
            raise SpecError(f"pooling max_min: expected alpha in (0, 1], got {alpha}")
        self.alpha = alpha
        self.head = build_head(head, features, channels)
        lower_bias(self.head, -2.0)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        logits = self.head(features)
        most = math.ceil(self.alpha * valid.shape[1])
        highest = masked(logits, valid).topk(most, dim=1).values  # (B, most, K)
        take = torch.ceil(self.alpha * valid.sum(1) - 1e-6).clamp(min=1)
        chosen = torch.arange(most, device=valid.device) < take[:, None]
        total = highest.masked_fill(~chosen[..., None], 0.0).sum(1)
        return Output(total / take[:, None], instances=logits)
