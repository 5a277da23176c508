"""What every network offers to the trainer, and what several networks share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.tensors import Output


class Model(Protocol):
    """An ``nn.Module`` that returns logits.

    An option called ``weights`` says where a training starts; a finished run is rebuilt without.

    A network of volumes has an attribute ``dimensions`` of 3; all others are taken for 2.

    Attributes:
        divisor: Input sides are best padded to multiples of it.
    """

    divisor: int

    def __call__(self, inputs: Tensor, valid: Tensor | None = None) -> Output:
        """Logits ``(B, K, *S)`` of ``inputs`` ``(B, C, *S)``."""


def pad(inputs: Tensor, size: Sequence[int]) -> Tensor:
    """Append zeros to ``inputs`` ``(B, C, *S)`` until ``S`` is ``size``."""
    amounts = [0] * (2 * len(size))
    for axis, (want, have) in enumerate(zip(size, inputs.shape[2:], strict=True)):
        amounts[2 * (len(size) - 1 - axis) + 1] = want - have
    return F.pad(inputs, amounts) if any(amounts) else inputs


def multiples(size: Sequence[int], divisor: int) -> list[int]:
    """The smallest multiples of ``divisor`` that are not below ``size``."""
    return [-(-side // divisor) * divisor for side in size]


def crop(logits: Tensor, size: Sequence[int]) -> Tensor:
    """The first ``size`` samples of ``logits`` ``(B, K, *S)``."""
    for axis, side in enumerate(size, start=2):
        logits = logits.narrow(axis, 0, side)
    return logits


def start_at(head: nn.Module, prior: float) -> None:
    """Set the bias of the last layer so that the untrained network predicts about ``prior``.

    Raises:
        SpecError: If ``prior`` is not between 0 and 1, or ``head`` has no bias.
    """
    if not 0 < prior < 1:
        raise SpecError(f"expected a prior between 0 and 1, got {prior}")
    bias = getattr(head, "bias", None)
    if not isinstance(bias, Tensor):
        raise SpecError(f"expected a last layer with a bias, got {head}; leave prior out")
    nn.init.constant_(bias, math.log(prior / (1 - prior)))
