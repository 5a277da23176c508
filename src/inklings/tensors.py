"""The two records that models and losses exchange."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """What a model and its loss are given.

    Attributes:
        inputs: ``(B, C, *S)`` images, or ``(B, N, D)`` bags of instance features.
        value: ``(B, K, *S)`` target probability of each output channel, in [0, 1] (one-hot
            over ``K`` for exclusive classes); ``(B, K)`` per bag.
        known: ``(B, 1, *S)``, True where ``value`` is a fact rather than a placeholder.
        valid: ``(B, 1, *S)``, False on padding, which nothing may look at; None where
            there is none. For bags ``(B, N)``. What is valid and not known is unlabelled.
    """

    inputs: Tensor
    value: Tensor
    known: Tensor
    valid: Tensor | None = None


@dataclass(frozen=True)
class Output:
    """What a model returns.

    Attributes:
        logits: ``(B, K, *S)`` dense or ``(B, K)`` per bag.
        attention: ``(B, N)`` weights that sum to one over the valid instances.
    """

    logits: Tensor
    attention: Tensor | None = None
