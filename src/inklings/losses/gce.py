"""Generalised cross-entropy."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.losses.base import Loss, known_mask, weighted_mean
from inklings.tensors import Batch, Output


class GCE(Loss):
    """A loss between cross-entropy and absolute error, for wrong labels (Zhang & Sabuncu 2018).

    ``L_q = mean((1 - p_y^q) / q)`` where ``p_y`` is the probability of the given label. ``q -> 0``
    is cross-entropy, which chases every label; ``q = 1`` is the absolute error, which forgives
    wrong labels but learns slowly. A soft target mixes its labels; ``exclusive`` takes ``p`` from
    a softmax over the channels, otherwise each channel has its two labels.

    Differences from the paper: no truncation. Unknown samples: not looked at. Nothing known: 0.
    Empty target: the usual value.
    """

    def __init__(self, q: float = 0.7, exclusive: bool = False) -> None:
        super().__init__()
        if not 0 < q <= 1:
            raise SpecError(f"loss gce: expected 0 < q <= 1, got {q}")
        self.q = q
        self.exclusive = exclusive

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of logits and values ``(B, K, *S)``."""
        logits, value = output.logits.float(), batch.value.float()
        # -expm1(q log p) = 1 - p^q, with a gradient at p = 0 too.
        if self.exclusive:
            terms = -value * torch.expm1(self.q * torch.log_softmax(logits, 1))
            terms = terms.sum(1, keepdim=True)
        else:
            terms = -value * torch.expm1(self.q * F.logsigmoid(logits))
            terms = terms - (1 - value) * torch.expm1(self.q * F.logsigmoid(-logits))
        return weighted_mean(terms, known_mask(output, batch)) / self.q
