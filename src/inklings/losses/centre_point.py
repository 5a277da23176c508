"""The loss of centre points: a heat map, and what is regressed at the objects."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from inklings.losses.base import Loss
from inklings.tensors import Batch, Output


class CentrePointLoss(Loss):
    """Penalty-reduced focal loss of the heat map and smooth L1 of the rest (CenterNet, Zhou 2019).

    With heat ``p`` and target ``t``: where ``t = 1``, ``-(1 - p)**2 log p``; elsewhere
    ``-(1 - t)**4 p**2 log(1 - p)``, so that a near miss costs little; the sum is divided by the
    number of centres. Offsets and sizes are compared where ``known`` is True, which is inside the
    objects. A batch without objects has the second term of the heat alone.
    """

    reads_unlabelled = True

    def __init__(self, regression: float = 0.5) -> None:
        """Weight of the regression beside the heat."""
        super().__init__()
        self.regression = regression

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Of logits and values ``(B, 5, *S)``; heat in the first channel."""
        heat, target = output.logits[:, 0], batch.value[:, 0]
        chance = torch.sigmoid(heat)
        centre = target > 0.999
        hit = -((1 - chance) ** 2) * F.logsigmoid(heat)
        miss = -((1 - target) ** 4) * chance**2 * F.logsigmoid(-heat)
        found = torch.where(centre, hit, miss).sum() / centre.sum().clamp(min=1)
        inside = batch.known.to(heat.dtype)
        error = F.smooth_l1_loss(output.logits[:, 1:], batch.value[:, 1:], reduction="none")
        rest = (error * inside).sum() / inside.sum().clamp(min=1)
        return found + self.regression * rest
