"""Focal loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.losses.base import Loss, known_mask, per_channel, weighted_mean
from inklings.tensors import Batch, Output


class Focal(Loss):
    """Cross-entropy that fades where the answer is already right (Lin 2017).

    ``L = mean(-a_t (1 - p_t)^gamma log p_t)`` where ``p_t`` is the probability of the given label
    and ``a_t`` is ``alpha`` for positives, ``1 - alpha`` for negatives; ``alpha`` may differ by
    channel, and None weighs both by 1. A soft target mixes its two labels.

    ``exclusive`` takes ``p`` from a softmax over the channels, with one term a sample:
    ``-a_c (1 - p_c)^gamma log p_c`` of its class ``c``, as segmentation codes do.

    Differences from the paper: the mean is over known samples and not over matched anchors.
    Unknown samples: not looked at. Nothing known: 0. Empty target: the usual value.
    """

    reads_unlabelled = False
    alpha: Tensor | None

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | Sequence[float] | None = 0.25,
        exclusive: bool = False,
    ) -> None:
        super().__init__()
        self.exclusive = exclusive
        weights = None if alpha is None else torch.as_tensor(alpha, dtype=torch.float32).flatten()
        if gamma < 0 or (weights is not None and not bool(((weights > 0) & (weights < 1)).all())):
            raise SpecError(
                "loss focal: expected gamma >= 0 and alpha between 0 and 1, "
                f"got {gamma} and {alpha}"
            )
        self.gamma = gamma
        self.register_buffer("alpha", weights, persistent=False)

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of logits and values ``(B, K, *S)``."""
        logits, value = output.logits.float(), batch.value.float()
        if self.exclusive:
            return self._over_classes(logits, value, known_mask(output, batch))
        # Powers are taken of logarithms: 0 ** gamma has no gradient for gamma below one.
        wrong, right = F.softplus(-logits), F.softplus(logits)
        positive = value * wrong * torch.exp(-self.gamma * right)
        negative = (1 - value) * right * torch.exp(-self.gamma * wrong)
        if self.alpha is not None:
            alpha = per_channel(self.alpha, logits, "loss focal: alpha")
            positive, negative = alpha * positive, (1 - alpha) * negative
        return weighted_mean(positive + negative, known_mask(output, batch))

    def _over_classes(self, logits: Tensor, value: Tensor, known: Tensor | None) -> Tensor:
        logs = torch.log_softmax(logits, 1)
        # expm1 keeps 1 - p exact where p is nearly 1; a floor keeps the gradient of its power.
        missing = (-torch.expm1(logs)).clamp(min=1e-12)
        terms = -value * missing**self.gamma * logs
        if self.alpha is not None:
            terms = terms * per_channel(self.alpha, logits, "loss focal: alpha")
        return weighted_mean(terms.sum(1, keepdim=True), known)
