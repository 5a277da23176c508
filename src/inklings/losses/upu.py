"""Unbiased positive-unlabelled risk."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from inklings.losses.risk import PriorRisk, Surrogate, Unlabelled, class_mean
from inklings.tensors import Batch, Output


class UPU(PriorRisk):
    """Unbiased estimate of the supervised risk without negatives (du Plessis 2015).

    ``R = pi E_P[l(f)] + E_U[l(-f)] - pi E_P[l(-f)]``: in expectation the risk of a training with
    all labels, because ``E_U = pi E_P + (1 - pi) E_N``. It can become negative, and a flexible
    network will make it so; `NNPU` is the answer to that.

    ``surrogate="logistic"`` is the paper's convex case, which is not bounded below; the default is
    the sigmoid of the later literature. ``unlabelled="all"`` counts every valid sample into
    ``E_U``, so ``prior`` is P(y = 1) of the images; ``"rest"`` only what was not labelled. The
    logits are divided by ``temperature`` first.

    Unknown samples: read, as unlabelled. Invalid ones: in no mean. No labelled positive in the
    batch: ``E_U[l(-f)]``.
    """

    name = "upu"

    def __init__(
        self,
        prior: float | Sequence[float],
        surrogate: Surrogate = "sigmoid",
        unlabelled: Unlabelled = "all",
        temperature: float = 1.0,
    ) -> None:
        super().__init__(prior, surrogate, unlabelled, temperature)

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar risk of logits and values ``(B, K, *S)``."""
        as_positive, as_negative, who, prior = self.parts(output, batch)
        labelled = class_mean(as_positive - as_negative, who.positive)
        return (prior * labelled + self.of_unlabelled(as_negative, who, prior)).mean()
