"""The largest instance logit."""

from __future__ import annotations

from torch import Tensor

from inklings.models.pooling.base import OfInstances, masked
from inklings.tensors import Output


class Max(OfInstances):
    """A bag is as positive as its most positive instance; only that one learns in a step."""

    evidence = "score"

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        logits = self.head(features)
        return Output(masked(logits, valid).amax(1), instances=logits)
