"""Loss of a number: squared where it is nearly right, and linear beyond, so outliers pull less."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.losses.base import Loss, mean_of_ways
from inklings.tensors import Batch, Output


class Huber(Loss):
    r"""``d^2 / 2`` up to a difference of ``delta``, then ``delta (|d| - delta / 2)`` (Huber 1964).

    Args:
        delta: In standard deviations of the labels of the training part.
    """

    target = "value"

    def __init__(self, delta: float = 1.0) -> None:
        super().__init__()
        if delta <= 0:
            raise SpecError(f"loss huber: expected delta > 0, got {delta}")
        self.delta = delta

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Mean over the known numbers ``(B, 1)``."""

        def of(logits: Tensor) -> Tensor:
            value = batch.value.float()
            terms = F.huber_loss(logits, value, reduction="none", delta=self.delta)
            known = batch.known.expand_as(value).float()
            return (terms * known).sum() / known.sum().clamp(min=1)

        return mean_of_ways(output, of)
