"""Alpha / beta max-min: bag labels as labels of the extreme instances."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.losses.base import Loss
from inklings.tensors import Batch, Output


class MaxMin(Loss):
    r"""Binary cross-entropy of the instances that the bag label speaks of (Lerousseau 2020).

    In a negative bag every instance is negative. In a positive bag the ``ceil(alpha N)`` highest
    are positive, the ``ceil(beta N)`` lowest of the others negative, and nothing is said of the
    rest. The mean runs over all instances that got a label. For ``alpha > 0`` at least one
    instance is always chosen; the original takes ``int(alpha N)`` and divides by none.

    Unknown bags are not looked at. Nothing known: 0.
    """

    reads_instances = True

    def __init__(self, alpha: float = 0.1, beta: float = 0.0) -> None:
        super().__init__()
        if not (0 < alpha <= 1 and 0 <= beta <= 1 and alpha + beta <= 1):
            raise SpecError(
                "loss max_min: expected 0 < alpha, 0 <= beta, alpha + beta <= 1, "
                f"got {alpha}, {beta}"
            )
        self.alpha, self.beta = alpha, beta

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of ``output.instances (B, N, K)``."""
        if output.instances is None:  # scored without its instances, as in validation
            logits, value = output.logits.float(), batch.value.float()
            weight = batch.known.expand_as(value).float()
            terms = F.binary_cross_entropy_with_logits(logits, value, reduction="none")
            return (terms * weight).sum() / weight.sum().clamp(min=1)
        target, weight = self.assigned(output.instances.detach(), batch)
        terms = F.binary_cross_entropy_with_logits(
            output.instances.float(), target, reduction="none"
        )
        return (terms * weight).sum() / weight.sum().clamp(min=1)

    def assigned(self, instances: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Labels of the instances, and which count, ``(B, N, K)`` each."""
        there = torch.ones(instances.shape[:2], dtype=torch.bool, device=instances.device)
        there = there if batch.valid is None else batch.valid
        target = torch.zeros_like(instances)
        weight = torch.zeros_like(instances)
        known = batch.known.expand_as(batch.value)
        for i in range(len(instances)):
            rows = torch.nonzero(there[i])[:, 0]
            for k in torch.nonzero(known[i])[:, 0].tolist():
                if batch.value[i, k] < 0.5:
                    weight[i, rows, k] = 1.0
                    continue
                order = rows[instances[i, rows, k].argsort(descending=True)]
                most = min(len(order), max(1, math.ceil(self.alpha * len(order) - 1e-6)))
                least = min(len(order) - most, math.ceil(self.beta * len(order) - 1e-6))
                target[i, order[:most], k] = 1.0
                weight[i, order[:most], k] = 1.0
                if least:
                    weight[i, order[-least:], k] = 1.0
        return target, weight
