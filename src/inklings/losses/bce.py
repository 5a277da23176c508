"""Binary cross-entropy."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.losses.base import Loss, count, known_mask
from inklings.tensors import Batch, Output


class BCE(Loss):
    r"""Binary cross-entropy of every channel, averaged over channels and known samples.

    ``L = mean(-w y log p - (1 - y) log(1 - p))`` with ``p = sigmoid(logit)``, the target ``y`` in
    [0, 1] and the ``positive_weight`` ``w``. It is proper: with ``w = 1`` the best ``p`` is
    P(y = 1), which calibrated thresholds rely on.

    Unknown samples: not looked at. Nothing known: 0. Empty target: the usual value.
    """

    exclusive = False
    reads_unlabelled = False
    positive_weight: Tensor | None

    def __init__(self, positive_weight: float | None = None) -> None:
        super().__init__()
        if positive_weight is not None and not positive_weight > 0:
            raise SpecError(f"loss bce: expected positive_weight > 0, got {positive_weight}")
        weight = None if positive_weight is None else torch.tensor(float(positive_weight))
        self.register_buffer("positive_weight", weight, persistent=False)

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of logits and values ``(B, K, *S)``."""
        logits, value = output.logits.float(), batch.value.float()
        mask = known_mask(output, batch)
        if mask is None:
            return F.binary_cross_entropy_with_logits(
                logits, value, pos_weight=self.positive_weight
            )
        weight = mask.float()
        total = F.binary_cross_entropy_with_logits(
            logits, value, weight, pos_weight=self.positive_weight, reduction="sum"
        )
        return total / count(weight, logits)
