"""What every loss offers to the trainer, and which samples it may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from inklings.errors import SpecError
from inklings.losses.marginal import marginal
from inklings.tensors import Batch, Output


class Loss(nn.Module):
    """Base of all losses: from a prediction and its target to one number.

    Attributes:
        exclusive: True if the logits compete (softmax over ``K``), False if each channel is a
            question of its own (sigmoid).
        target: What `Batch.value` holds: probabilities of ``classes``, a ``value``, or ``survival``
            (a time, and whether it ended with the event).
        least_batch: Examples of a batch without which nothing can be learnt.
        reads_unlabelled: True for positive-unlabelled losses, which look at samples that are
            valid but not known; all others are blind to them.
        reads_instances: True for losses that look at `Output.instances`; for others, poolings by
            attention leave them out.
        reads_objects: True for losses that look for objects in coarse outlines (`Batch.objects`).
    """

    exclusive: bool = False
    reads_unlabelled: bool = False
    reads_instances: bool = False
    reads_objects: bool = False
    target: Literal["classes", "value", "survival"] = "classes"
    least_batch: int = 1

    def __call__(self, output: Output, batch: Batch) -> Tensor:
        """The loss; over exclusive classes that are known apart, of the union of what may be."""
        if self.exclusive and output.logits.ndim > 2 and batch.known.shape[1] > 1:
            output, batch = marginal(output, batch)
        loss: Tensor = super().__call__(output, batch)
        return loss

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """A scalar, float32 whatever the precision of the logits."""
        raise NotImplementedError

    def attach(self, network: nn.Module) -> None:
        """The network that learns, for losses that look at its weights; others ignore it."""

    def clipped(self) -> tuple[float, float] | None:
        """Decisions taken so far and how many of them clipped, of losses that decide; else None."""
        return None


def total(loss: Loss, output: Output, batch: Batch) -> Tensor:
    """The loss over what is known, and over what is assumed as a mean of its own.

    Far from all strokes lie a hundred times as many pixels as on them: in one mean the strokes
    would not count.
    """
    known: Tensor = loss(output, batch)
    if batch.assumed is None:
        return known
    assumed: Tensor = loss(output, replace(batch, known=batch.assumed))
    return known + batch.assumed_weight * assumed


def mean_of_ways(output: Output, of: Callable[[Tensor], Tensor]) -> Tensor:
    """Mean loss of all ways to a bag: its logits ``(B, K)``, and the others a model trains."""
    ways = [output.logits]
    if output.second is not None:
        ways += output.second.unbind(1) if output.second.ndim == 3 else [output.second]
    return torch.stack([of(way) for way in ways]).mean()


def valid_mask(output: Output, batch: Batch) -> Tensor | None:
    """``(B, 1, *S)`` bool of the samples that exist; None if all do.

    Of bags ``(B, K)`` all exist: their ``valid`` speaks of instances.
    """
    if batch.valid is None or output.logits.ndim == 2:
        return None
    return _unless_all(batch.valid)


def known_mask(output: Output, batch: Batch) -> Tensor | None:
    """Of the samples that exist and whose value is a fact, bool; None if all.

    ``(B, 1, *S)``, or ``(B, K, *S)`` where channels are known apart.
    """
    valid = valid_mask(output, batch)
    return _unless_all(batch.known if valid is None else batch.known & valid)


def weighted_mean(terms: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of ``terms`` ``(B, K, *S)`` where ``mask`` ``(B, 1 or K, *S)`` is True.

    Zero, and still differentiable, where nothing is selected.
    """
    if mask is None:
        return terms.mean()
    weight = mask.to(terms.dtype)
    return (terms * weight).sum() / count(weight, terms)


def count(weight: Tensor, terms: Tensor) -> Tensor:
    """How many of ``terms`` ``(B, K, ...)`` a weight ``(B, 1 or K, ...)`` of 0 and 1 selects.

    At least 1, so that nothing is divided by zero.
    """
    return (weight.sum() * (terms.shape[1] // weight.shape[1])).clamp(min=1)


def per_channel(numbers: Tensor, logits: Tensor, what: str) -> Tensor:
    """``numbers`` ``(1,)`` or ``(K,)`` shaped to multiply ``logits`` ``(B, K, *S)``.

    Raises:
        SpecError: If there are neither one nor ``K``; the message starts with ``what``.
    """
    channels = logits.shape[1]
    if len(numbers) not in (1, channels):
        raise SpecError(f"{what}: expected one number or {channels}, got {len(numbers)}")
    return numbers.expand(channels).reshape(1, channels, *[1] * (logits.ndim - 2))


def _unless_all(mask: Tensor) -> Tensor | None:
    # Asking a GPU would wait for it, which costs more than multiplying by ones.
    return None if mask.device.type == "cpu" and bool(torch.all(mask)) else mask
