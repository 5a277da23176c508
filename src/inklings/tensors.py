"""The two records that models and losses exchange."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """What a model and its loss are given.

    Attributes:
        inputs: ``(B, C, *S)`` images; of bags, all their instances one after the other,
            ``(M, D)`` features or ``(M, C, H, W)`` pictures.
        value: ``(B, K, *S)`` target probability of each output channel, in [0, 1] (one-hot
            over ``K`` for exclusive classes); ``(B, K)`` per bag.
        known: ``(B, 1, *S)``, or ``(B, K, *S)`` where channels are known apart: True where
            ``value`` is a fact rather than a placeholder; ``(B, K)`` per bag.
        valid: ``(B, 1, *S)``, False on padding, which nothing may look at; None where
            there is none. What is valid and not known is unlabelled. For bags ``(B, N)``:
            its ``M`` True places, row by row, are where ``inputs`` belong.
        assumed: As ``known``, True where background is assumed, which is learnt as a mean of its
            own; None where nothing is.
        assumed_weight: Of that mean.
        objects: ``(B, K, *S)`` whole numbers, which object's coarse outline (a box) holds a sample,
            0 outside of all of the class; None where outlines are not coarse.
    """

    inputs: Tensor
    value: Tensor
    known: Tensor
    valid: Tensor | None = None
    assumed: Tensor | None = None
    assumed_weight: float = 0.0
    objects: Tensor | None = None


@dataclass(frozen=True)
class Output:
    """What a model returns.

    Attributes:
        logits: ``(B, K, *S)`` dense or ``(B, K)`` per bag.
        attention: ``(B, N)``, or ``(B, N, K)`` where each class has its own; weights that sum
            to one over the valid instances.
        instances: ``(B, N, K)`` logits of the instances, where the model has any.
        contributions: ``(B, N, K)`` terms whose sum over the instances is the bag's logit, but
            for a constant; where the model is such a sum.
        second: ``(B, K)`` logits of a second way to the bag, to be trained too (DSMIL), or
            ``(B, S, K)`` of several.
        clusters: ``(B, N, K, 2)`` logits of CLAM's instance classifiers.
    """

    logits: Tensor
    attention: Tensor | None = None
    instances: Tensor | None = None
    contributions: Tensor | None = None
    second: Tensor | None = None
    clusters: Tensor | None = None

    def in_full_precision(self) -> Output:
        """The same in float32, for the loss."""
        return replace(
            self,
            logits=self.logits.float(),
            attention=_float(self.attention),
            instances=_float(self.instances),
            contributions=_float(self.contributions),
            second=_float(self.second),
            clusters=_float(self.clusters),
        )

    def with_clusters(self, clusters: Tensor) -> Output:
        """The same, with logits ``(B, N, K, 2)`` of instance classifiers."""
        return replace(self, clusters=clusters)


def _float(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.float()
