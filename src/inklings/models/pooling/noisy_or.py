"""Noisy-or: one positive instance is enough."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from inklings.models.pooling.base import OfInstances
from inklings.tensors import Output


class NoisyOr(OfInstances):
    r"""``1 - P = prod(1 - p_i)``: the instances fail independently (Zhang & Viola, 2005).

    In log space ``S = -log(1 - P) = sum(softplus(l_i))``, and the logit of the bag is
    ``log(exp(S) - 1) = S + log(1 - exp(-S))``: no product of many small numbers anywhere, so that
    bags of ten thousand instances neither underflow nor lose their gradient. The instance
    probabilities ``p_i = sigmoid(l_i)`` are part of the model, not an explanation after it.
    """

    evidence = "probability"

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        logits = self.head(features)
        terms = F.softplus(logits) * valid[..., None]
        # The sum of ten thousand terms is large: in single precision their order would show.
        total = terms.double().sum(1).clamp(min=1e-12)
        return Output((total + torch.log(-torch.expm1(-total))).float(), instances=logits)
