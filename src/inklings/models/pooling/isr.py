"""Integrated segmentation and recognition."""

from __future__ import annotations

import torch
from torch import Tensor

from inklings.models.pooling.base import OfInstances, masked
from inklings.tensors import Output


class ISR(OfInstances):
    r"""The odds of the instances add up: ``P / (1 - P) = sum(p_i / (1 - p_i))`` (Keeler 1990).

    In logits that is ``log(sum(exp(l_i)))``.
    """

    evidence = "probability"

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        logits = self.head(features)
        return Output(torch.logsumexp(masked(logits, valid), 1), instances=logits)
