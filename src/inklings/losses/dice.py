"""Soft Dice."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from inklings.errors import SpecError
from inklings.losses.base import Loss, known_mask, weighted_mean
from inklings.tensors import Batch, Output


class Dice(Loss):
    r"""One minus the soft Dice overlap (Milletari 2016, with a plain sum below the line).

    ``L = 1 - (2 sum(p y) + s) / (sum(p) + sum(y) + s)``, per channel, with ``s = smooth`` on both
    sides: the loss stays in [0, 1] and is 0 for an empty target that is predicted empty. (The
    variant in circulation, ``2 (sum(p y) + s) / (... + s)``, reaches -1 there.)

    ``over`` decides what one overlap is taken over: the whole ``batch``, which is steadier where
    crops are small or empty, or each ``sample`` of it, averaged afterwards, as the classic
    recipes do. ``exclusive`` takes p from a softmax over the channels.

    Unknown samples: in none of the sums. Nothing known: 0.
    """

    def __init__(
        self,
        smooth: float = 1.0,
        over: Literal["batch", "sample"] = "batch",
        exclusive: bool = False,
    ) -> None:
        super().__init__()
        if not smooth > 0:
            raise SpecError(f"loss dice: expected smooth > 0, got {smooth}")
        if over not in ("batch", "sample"):
            raise SpecError(f"loss dice: expected over to be batch or sample, got {over!r}")
        self.smooth = smooth
        self.over = over
        self.exclusive = exclusive

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of logits and values ``(B, K, *S)``."""
        overlap, predicted, present, seen = soft_counts(output, batch, self.over, self.exclusive)
        score = (2 * overlap + self.smooth) / (predicted + present + self.smooth)
        return mean_where_seen(1 - score, seen)


def soft_counts(
    output: Output, batch: Batch, over: str, exclusive: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """``sum(p y)``, ``sum(p)`` and ``sum(y)`` over known samples, and where anything was known.

    The sums are ``(K,)`` over a batch and ``(B, K)`` over each sample; the last is bool, of
    each sample or of each channel known apart, or None where it makes no difference.
    """
    logits, value = output.logits.float(), batch.value.float()
    probability = torch.softmax(logits, 1) if exclusive else torch.sigmoid(logits)
    mask = known_mask(output, batch)
    if mask is not None:
        weight = mask.float()
        probability, value = probability * weight, value * weight
    seen = None if mask is None else mask.reshape(*mask.shape[:2], -1).any(2)
    if over == "batch":
        seen = None if seen is None or seen.shape[1] == 1 else seen.any(0, keepdim=True)
    axes = (*((0,) if over == "batch" else ()), *range(2, logits.ndim))
    if not axes:
        return probability * value, probability, value, seen
    overlap = (probability * value).sum(axes)
    return overlap, probability.sum(axes), value.sum(axes), seen


def mean_where_seen(loss: Tensor, seen: Tensor | None) -> Tensor:
    """Mean of ``loss`` ``(B, K)``, or ``(K,)`` of a batch, where ``seen``; of all if None."""
    return weighted_mean(loss if loss.ndim > 1 else loss[None], seen)
