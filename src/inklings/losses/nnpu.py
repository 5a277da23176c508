"""Non-negative positive-unlabelled risk."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from inklings.errors import SpecError
from inklings.losses.risk import PriorRisk, Surrogate, Unlabelled, class_mean, non_negative
from inklings.tensors import Batch, Output


class NNPU(PriorRisk):
    """Positive-unlabelled risk whose negative part may not become negative (Kiryo 2017).

    ``R = R_p + R_n`` with ``R_p = pi E_P[l(f)]`` and ``R_n = E_U[l(-f)] - pi E_P[l(-f)]``, per
    channel. ``R_n`` estimates a risk, so once ``R_n < -beta`` the network has memorised the
    labelled positives: the value is then ``R_p - beta`` and the gradient that of ``-gamma R_n``.

    ``unlabelled="all"`` counts every valid sample into ``E_U``, so ``prior`` is P(y = 1) of the
    images; ``"rest"`` only what was not labelled, and ``prior`` speaks of those. The logits are
    divided by ``temperature`` first.

    Attributes:
        steps: Decisions taken in training so far: one per channel and batch (int64 scalar).
        clips: How many of them clipped. A share near 1 means that ``prior`` is too large.

    Unknown samples: read, as unlabelled. Invalid ones: in no mean. No labelled positive in the
    batch: ``E_U[l(-f)]``.
    """

    name = "nnpu"
    steps: Tensor
    clips: Tensor

    def __init__(
        self,
        prior: float | Sequence[float],
        beta: float = 0.0,
        gamma: float = 1.0,
        surrogate: Surrogate = "sigmoid",
        unlabelled: Unlabelled = "all",
        temperature: float = 1.0,
    ) -> None:
        super().__init__(prior, surrogate, unlabelled, temperature)
        if beta < 0 or not 0 <= gamma <= 1:
            raise SpecError(
                f"loss nnpu: expected beta >= 0 and gamma in [0, 1], got {beta} and {gamma}"
            )
        self.beta, self.gamma = beta, gamma
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64), persistent=False)
        self.register_buffer("clips", torch.zeros((), dtype=torch.int64), persistent=False)

    def clipped(self) -> tuple[float, float]:
        """Decisions taken in training so far, and how many of them clipped."""
        return float(self.steps), float(self.clips)

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar risk of logits and values ``(B, K, *S)``."""
        as_positive, as_negative, who, prior = self.parts(output, batch)
        positive = prior * class_mean(as_positive, who.positive)
        unlabelled = self.of_unlabelled(as_negative, who, prior)
        negative = unlabelled - prior * class_mean(as_negative, who.positive)
        risk, clipped = non_negative(positive, negative, self.beta, self.gamma)
        if self.training:
            self.steps += clipped.numel()
            self.clips += clipped.sum()
        return risk.mean()
