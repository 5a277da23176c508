"""Integrated segmentation and recognition."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from inklings.models.pooling.base import build_head, lower_bias, masked
from inklings.tensors import Output


class ISR(nn.Module):
    r"""The odds of the instances add up: ``P / (1 - P) = sum(p_i / (1 - p_i))`` (Keeler 1990).

    In logits that is ``log(sum(exp(l_i)))``.
    """

    evidence = "probability"

    def __init__(self, features: int, channels: int, head: Any = "linear") -> None:
        super().__init__()
        self.head = build_head(head, features, channels)
        lower_bias(self.head, -2.0)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        logits = self.head(features)
        return Output(torch.logsumexp(masked(logits, valid), 1), instances=logits)
