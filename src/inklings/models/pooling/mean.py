"""Mean of the embeddings."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from inklings.models.pooling.base import Attending, build_head, counts
from inklings.tensors import Output


class Mean(Attending):
    """The head on the mean of the embeddings; with a linear head also the mean of the logits.

    A bag whose one positive instance decides is diluted by all the others.
    """

    def __init__(self, features: int, channels: int, head: Any = "linear") -> None:
        super().__init__()
        self.head = build_head(head, features, channels)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        return self.attended(valid / counts(valid), features)
