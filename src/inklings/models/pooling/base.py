"""What every pooling offers, what several share, and the heads that follow them."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from inklings.errors import SpecError
from inklings.spec import Component
from inklings.tensors import Output


class Pooling(Protocol):
    """An ``nn.Module`` from the instances of padded bags to their logits.

    Attributes:
        evidence: What an instance's own number means, for the words beside a picture:
            ``probability`` (that this instance is positive, by the model's own construction),
            ``score`` (what the model would say of a bag of it alone) or ``context`` (instances
            speak to one another, so no number belongs to one of them).
    """

    evidence: str

    def __call__(self, features: Tensor, valid: Tensor) -> Output:
        """Logits ``(B, K)`` of ``features (B, N, D)``, of which ``valid (B, N)`` exist."""


def build_head(asked: Any, features: int, channels: int) -> nn.Module:
    """From ``(..., D)`` to ``(..., K)``: ``linear`` or ``{name: mlp, hidden, dropout}``.

    The MLP is that of the reference (512 to 1024 to 1, LeakyReLU, dropout .2).

    Raises:
        SpecError: If there is no such head.
    """
    head = Component.model_validate(asked)
    if head.name == "linear" and not head.options:
        return nn.Linear(features, channels)
    if head.name == "mlp" and set(head.options) <= {"hidden", "dropout"}:
        hidden = int(head.options.get("hidden", 1024))
        return nn.Sequential(
            nn.Linear(features, hidden),
            nn.LeakyReLU(),
            nn.Dropout(float(head.options.get("dropout", 0.2))),
            nn.Linear(hidden, channels),
        )
    raise SpecError(
        f"head: expected linear or mlp (hidden, dropout), got {head.name!r} with {head.options}"
    )


def lower_bias(head: nn.Module, to: float) -> None:
    """Begin with the belief that an instance is rarely positive, as most of a bag is not."""
    last = head[-1] if isinstance(head, nn.Sequential) else head
    if isinstance(last, nn.Linear):
        nn.init.constant_(last.bias, to)


class OfInstances(nn.Module):
    """A head on every instance, which begins by calling few of them positive."""

    def __init__(self, features: int, channels: int, head: Any = "linear") -> None:
        super().__init__()
        self.head = build_head(head, features, channels)
        lower_bias(self.head, -2.0)


def masked(scores: Tensor, valid: Tensor) -> Tensor:
    """``scores (B, N)`` or ``(B, N, K)``, minus infinity on padding."""
    there = valid if scores.ndim == 2 else valid[..., None]
    return scores.masked_fill(~there, -math.inf)


def softmax(scores: Tensor, valid: Tensor) -> Tensor:
    """Weights over the instances, which sum to one; zero on padding."""
    return masked(scores, valid).softmax(1)


def counts(valid: Tensor) -> Tensor:
    """``(B, 1)`` instances of each bag."""
    return valid.sum(1, keepdim=True).to(torch.float32)


def log_mean_exp(values: Tensor, valid: Tensor) -> Tensor:
    """``log(mean(exp(values)))`` over the instances of ``(B, N, K)``."""
    return torch.logsumexp(masked(values, valid), 1) - counts(valid).log()


def logit_of_log(log_probability: Tensor) -> Tensor:
    """``log(p / (1 - p))`` from ``log(p)``, exact for tiny and for nearly certain ``p``."""
    log_probability = log_probability.clamp(max=-1e-7)
    return log_probability - torch.log(-torch.expm1(log_probability))


class Attending(nn.Module):
    """A head on the attended mean of the instances, and what each instance says and adds.

    Attributes:
        answers: Whether instances are answered for while the network learns, too. It is a pass of
            the head over all of them, which most losses never look at; in use they always are.
    """

    evidence = "score"
    head: nn.Module
    answers: bool = True

    @property
    def silent(self) -> bool:
        """Whether nobody asks what instances say."""
        return self.training and not self.answers

    def attended(self, attention: Tensor, features: Tensor) -> Output:
        """Logits ``(B, K)`` of ``features (B, N, D)`` under ``attention (B, N)``."""
        logits = self.head(torch.einsum("bn,bnd->bd", attention, features))
        if self.silent:
            return Output(logits, attention)
        alone, adds = self.head(features), None
        if isinstance(self.head, nn.Linear):
            adds = attention[..., None] * (alone - self.head.bias)
        return Output(logits, attention, instances=alone, contributions=adds)
