"""Positive-negative-unlabelled risk."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from inklings.errors import SpecError
from inklings.losses.risk import PriorRisk, Surrogate, Unlabelled, class_mean, non_negative
from inklings.tensors import Batch, Output


class PNU(PriorRisk):
    """Supervised risk mixed with the risk of one class against the unlabelled (Sakai 2017).

    ``R = (1 - eta) R_PN + eta R_PU`` for ``eta >= 0`` and ``(1 + eta) R_PN - eta R_NU`` below,
    per channel, with

    - ``R_PN = pi E_P[l(f)] + (1 - pi) E_N[l(-f)]``,
    - ``R_PU = pi E_P[l(f)] + (E_U[l(-f)] - pi E_P[l(-f)])``,
    - ``R_NU = (1 - pi) E_N[l(-f)] + (E_U[l(f)] - (1 - pi) E_N[l(f)])``.

    So ``eta`` is 0 for plain supervision, 1 for PU and -1 for NU learning. Negatives are known
    samples with a value of at most 0.5. With ``clip`` the bracket is kept from becoming negative
    in the way of `NNPU` with ``beta = 0`` and ``gamma = 1``, which the paper does not do. The
    logits are divided by ``temperature`` first.

    Unknown samples: read, as unlabelled. Invalid ones: in no mean. A group that is missing from
    the batch contributes 0.
    """

    name = "pnu"

    def __init__(
        self,
        prior: float | Sequence[float],
        eta: float = 0.5,
        clip: bool = False,
        surrogate: Surrogate = "sigmoid",
        unlabelled: Unlabelled = "all",
        temperature: float = 1.0,
    ) -> None:
        super().__init__(prior, surrogate, unlabelled, temperature)
        if not -1 <= eta <= 1:
            raise SpecError(f"loss pnu: expected eta in [-1, 1], got {eta}")
        self.eta, self.clip = eta, clip

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar risk of logits and values ``(B, K, *S)``."""
        as_positive, as_negative, who, prior = self.parts(output, batch)
        positive = prior * class_mean(as_positive, who.positive)
        negative = (1 - prior) * class_mean(as_negative, who.negative)
        supervised = positive + negative
        if self.eta >= 0:
            sure, wrong = positive, prior * class_mean(as_negative, who.positive)
            unsure = self.of_unlabelled(as_negative, who, prior) - wrong
        else:
            sure, wrong = negative, (1 - prior) * class_mean(as_positive, who.negative)
            unsure = self.of_unlabelled(as_positive, who, prior) - wrong
        partial = non_negative(sure, unsure, 0.0, 1.0)[0] if self.clip else sure + unsure
        share = abs(self.eta)
        return ((1 - share) * supervised + share * partial).mean()
