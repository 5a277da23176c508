"""What every network offers to the trainer."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from inklings.tensors import Output


class Model(Protocol):
    """An ``nn.Module`` that returns logits.

    Attributes:
        divisor: Input sides are best padded to multiples of it.
    """

    divisor: int

    def __call__(self, inputs: Tensor, valid: Tensor | None = None) -> Output:
        """Logits ``(B, K, *S)`` of ``inputs`` ``(B, C, *S)``."""
