"""Loss of a number: the squared difference."""

from __future__ import annotations

from torch import Tensor

from inklings.losses.base import Loss, mean_of_ways
from inklings.tensors import Batch, Output


class MSE(Loss):
    """Mean squared difference of the known numbers, which the mean of a label makes least."""

    target = "value"

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Mean over the known numbers ``(B, 1)``."""

        def of(logits: Tensor) -> Tensor:
            known = batch.known.float()
            terms = (logits - batch.value.float()).square() * known
            return terms.sum() / known.sum().clamp(min=1)

        return mean_of_ways(output, of)
