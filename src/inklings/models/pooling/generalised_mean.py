"""Generalised mean of the instance probabilities."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from inklings.models.pooling.base import build_head, log_mean_exp, logit_of_log
from inklings.tensors import Output


class GeneralisedMean(nn.Module):
    r"""``P = mean(p_i ** r) ** (1 / r)`` with ``p_i = sigmoid(l_i)``, computed in log space.

    ``power`` r of 1 is the mean probability, a large one the maximum.
    """

    evidence = "score"

    def __init__(
        self, features: int, channels: int, head: Any = "linear", power: float = 4.0
    ) -> None:
        super().__init__()
        self.power = power
        self.head = build_head(head, features, channels)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        logits = self.head(features)
        log_p = log_mean_exp(self.power * F.logsigmoid(logits), valid) / self.power
        return Output(logit_of_log(log_p), instances=logits)
