"""Exclusive classes of which some are not annotated: what is known of a sample is a union."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from inklings.tensors import Batch, Output


def marginal(output: Output, batch: Batch) -> tuple[Output, Batch]:
    """The same question with one channel for all that a sample may be.

    Where nothing was drawn, the sample is one of the channels that nobody spoke of: background, or
    a class that its case does not annotate. Their probabilities add up in the first of them, the
    others have none, and what no known class takes is the target of the sum: all, or nothing where
    a class is drawn. Of a softmax, ``log sum exp`` of logits is the logit of a sum. Any loss over
    exclusive classes becomes its marginal form so (Shi et al., Medical Image Analysis 2021; Fidon
    et al., MICCAI 2021).

    Args:
        output: Logits ``(B, K, *S)``.
        batch: ``known (B, K, *S)``.

    Returns:
        Both, with ``known (B, 1, *S)``, True where anything was known.
    """
    logits, value = output.logits.float(), batch.value.float()
    maybe = ~batch.known
    first = maybe & (maybe.cumsum(1) == 1)
    # Not minus infinity, of which a share of zero would be no number.
    nothing = torch.finfo(logits.dtype).min / 4
    union = torch.logsumexp(logits.masked_fill(~maybe, nothing), 1, keepdim=True)
    rest = (1 - (value * batch.known).sum(1, keepdim=True)).clamp(0, 1)
    return replace(output, logits=_merged(logits, union, first, maybe, nothing)), replace(
        batch,
        value=_merged(value, rest, first, maybe, 0.0),
        known=batch.known.any(1, keepdim=True),
    )


def _merged(numbers: Tensor, union: Tensor, first: Tensor, maybe: Tensor, others: float) -> Tensor:
    return torch.where(first, union, numbers.masked_fill(maybe, others))
