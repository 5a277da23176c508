"""Additive multiple-instance learning."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from inklings.models.pooling.attention import Attention
from inklings.models.pooling.base import softmax
from inklings.tensors import Output


class Additive(Attention):
    r"""The bag's logit is a sum over instances: ``b + sum(f(a_i h_i))`` (Javed 2022).

    ``f`` is the head, ``a`` the attention of Ilse 2018; the terms of the sum are exactly what each
    instance contributes. The constant ``b`` is one learnt number a class.
    """

    def __init__(
        self, features: int, channels: int, head: Any = "linear", hidden: int = 128
    ) -> None:
        super().__init__(features, channels, head, hidden)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        attention = softmax(self.w(torch.tanh(self.V(features)))[..., 0], valid)
        adds = self._said(attention[..., None] * features) * valid[..., None]
        alone = None if self.silent else self._said(features) + self.bias
        return Output(adds.sum(1) + self.bias, attention, instances=alone, contributions=adds)

    def _said(self, features: Tensor) -> Tensor:
        """What the head adds for ``features``, nothing for a vector of zeros."""
        logits: Tensor = self.head(features) - self.head(features.new_zeros(features.shape[-1]))
        return logits
