"""Partial risks, from which the positive-unlabelled losses are put together.

Notation of the papers: ``f`` is the logit, ``l(f)`` the loss of calling a sample positive,
``l(-f)`` of calling it negative; ``pi`` is the class prior P(y = 1); ``E_P``, ``E_N`` and ``E_U``
are means over the labelled positives, labelled negatives and unlabelled samples of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.losses.base import Loss, per_channel, valid_mask
from inklings.tensors import Batch, Output

Surrogate = Literal["sigmoid", "logistic", "softmax"]
Unlabelled = Literal["all", "rest"]


@dataclass(frozen=True)
class Groups:
    """Who is who in a batch: bool, ``(B, K, *S)``, or ``(B, 1 or K, *S)`` for the unlabelled.

    ``unlabelled`` is None if it is every sample of the batch.
    """

    positive: Tensor
    negative: Tensor
    unlabelled: Tensor | None


class PriorRisk(Loss):
    """What losses of a class prior have in common; ``name`` is theirs in the table of losses.

    Where a batch knows every sample (held-back cases, say), ``E_U`` is put together of its groups,
    ``pi E_P + (1 - pi) E_N``: the loss is then the supervised risk, which it estimates.
    """

    name: str
    reads_unlabelled = True
    prior: Tensor

    def __init__(
        self,
        prior: float | Sequence[float],
        surrogate: Surrogate,
        unlabelled: Unlabelled,
        temperature: float,
    ) -> None:
        super().__init__()
        check_choices(self.name, surrogate, unlabelled)
        if not temperature > 0:
            raise SpecError(f"loss {self.name}: expected temperature > 0, got {temperature}")
        self.surrogate: Surrogate = surrogate
        self.unlabelled: Unlabelled = unlabelled
        self.temperature = temperature
        self.register_buffer("prior", check_prior(self.name, prior), persistent=False)

    def parts(self, output: Output, batch: Batch) -> tuple[Tensor, Tensor, Groups, Tensor]:
        """``l(f)`` and ``l(-f)`` ``(B, K, *S)``, who is who, and ``pi`` ``(K,)``."""
        as_positive, as_negative = losses_of(output.logits / self.temperature, self.surrogate)
        prior = per_channel(self.prior, output.logits, f"loss {self.name}: prior").flatten()
        return as_positive, as_negative, groups(output, batch, self.unlabelled), prior

    def of_unlabelled(self, terms: Tensor, who: Groups, prior: Tensor) -> Tensor:
        """``E_U`` of ``terms`` ``(B, K, *S)``, per channel ``(K,)``."""
        found = class_mean(terms, who.unlabelled)
        if who.unlabelled is None:
            return found
        known = prior * class_mean(terms, who.positive) + (1 - prior) * class_mean(
            terms, who.negative
        )
        complete = ~who.unlabelled.any() & who.positive.any() & who.negative.any()
        return torch.where(complete, known, found)


def groups(output: Output, batch: Batch, unlabelled: Unlabelled) -> Groups:
    """The labelled positives, labelled negatives and unlabelled samples of a batch.

    With ``all`` every valid sample counts as unlabelled, as when some of the positives of one
    sample were marked (censoring); with ``rest`` only those that were not labelled.
    """
    valid = valid_mask(output, batch)
    known = batch.known if valid is None else batch.known & valid
    above = batch.value > 0.5
    everything = valid if unlabelled == "all" else _rest(batch.known, valid)
    return Groups(above & known, ~above & known, everything)


def class_mean(terms: Tensor, mask: Tensor | None) -> Tensor:
    """Mean per channel ``(K,)`` of ``terms`` ``(B, K, *S)`` where ``mask`` is True.

    Zero, and still differentiable, for a channel without any.
    """
    axes = (0, *range(2, terms.ndim))
    if mask is None:
        return terms.mean(axes)
    weight = mask.to(terms.dtype)
    return (terms * weight).sum(axes) / weight.sum(axes).clamp(min=1)


def losses_of(logits: Tensor, surrogate: Surrogate) -> tuple[Tensor, Tensor]:
    """``l(f)`` and ``l(-f)``.

    1 / (1 + e^f) for ``sigmoid``, log(1 + e^-f) for ``logistic``; for ``softmax`` the share of the
    wrong class where ``f`` and ``-f`` compete, 1 / (1 + e^2f). (A public Keras code takes the
    softmax over its one output, which is 1 whatever the output and teaches nothing.)
    """
    logits = logits.float()
    if surrogate == "logistic":
        return F.softplus(-logits), F.softplus(logits)
    slope = 2 if surrogate == "softmax" else 1
    return torch.sigmoid(-slope * logits), torch.sigmoid(slope * logits)


def non_negative(sure: Tensor, unsure: Tensor, beta: float, gamma: float) -> tuple[Tensor, Tensor]:
    """``sure + unsure``, where ``unsure`` estimates a risk and so should not be negative.

    As published with nnPU (Kiryo 2017, algorithm 1 and its code): where ``unsure < -beta`` the
    value is ``sure - beta``, while the gradient is that of ``-gamma * unsure``, which undoes the
    overfitting that made it negative.

    Returns:
        The risk, and where it was clipped (bool).
    """
    clipped = unsure < -beta
    value = torch.where(clipped, sure - beta, sure + unsure).detach()
    driver = torch.where(clipped, -gamma * unsure, sure + unsure)
    return value + (driver - driver.detach()), clipped


def check_prior(loss: str, prior: float | Sequence[float]) -> Tensor:
    """``prior`` as ``(1,)`` or ``(K,)`` float32.

    Raises:
        SpecError: If it is not one number per channel between 0 and 1.
    """
    numbers = list(prior) if isinstance(prior, Sequence) and not isinstance(prior, str) else [prior]
    if not numbers or not all(isinstance(p, int | float) and 0 < p < 1 for p in numbers):
        raise SpecError(
            f"loss {loss}: expected prior to be the share of positives, between 0 and 1 "
            f"(or one per channel), got {prior!r}; estimate it by 'inklings prior'"
        )
    return torch.tensor(numbers, dtype=torch.float32)


def check_choices(loss: str, surrogate: str, unlabelled: str) -> None:
    """Refuse unknown values of the two options that these losses share.

    Raises:
        SpecError: Naming the values there are.
    """
    if surrogate not in get_args(Surrogate):
        names = ", ".join(get_args(Surrogate))
        raise SpecError(f"loss {loss}: surrogate: expected one of {names}, got {surrogate!r}")
    if unlabelled not in get_args(Unlabelled):
        raise SpecError(f"loss {loss}: unlabelled: expected all or rest, got {unlabelled!r}")


def _rest(known: Tensor, valid: Tensor | None) -> Tensor:
    return ~known if valid is None else valid & ~known
