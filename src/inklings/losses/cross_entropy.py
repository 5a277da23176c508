"""Cross-entropy over exclusive classes."""

from __future__ import annotations

import torch
from torch import Tensor

from inklings.errors import SpecError
from inklings.losses.base import Loss, known_mask, weighted_mean
from inklings.tensors import Batch, Output


class CrossEntropy(Loss):
    """Cross-entropy of a softmax over the channels, averaged over known samples.

    ``L = mean(-sum_k y_k log p_k)`` with ``p = softmax(logits)`` over ``K`` and a target ``y``
    that sums to one: one-hot, or probabilities.

    Unknown samples: not looked at. Nothing known: 0. Empty target: not possible, some class
    (the background, say) is always present.
    """

    exclusive = True

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of logits and values ``(B, K, *S)``.

        Raises:
            SpecError: If there is only one channel, of which a softmax is always 1.
        """
        if output.logits.shape[1] < 2:
            raise SpecError("loss cross_entropy: expected two or more channels, got 1; take bce")
        logs = torch.log_softmax(output.logits.float(), 1)
        terms = -(batch.value.float() * logs).sum(1, keepdim=True)
        return weighted_mean(terms, known_mask(output, batch))
