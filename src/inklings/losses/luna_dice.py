"""The loss of the reference segmentation of nodules: Dice, and what is missed eight times over."""

from __future__ import annotations

import torch
from torch import Tensor

from inklings.losses.base import Loss, known_mask
from inklings.tensors import Batch, Output


class LunaDice(Loss):
    r"""``D(p, y) + w D(p y, y)`` with ``D`` one minus soft Dice of each sample (Stevens 2020).

    The second term is the Dice of the prediction inside of the nodule alone: it grows with what
    is missed and does not see what is called besides. A few samples of a nodule in a crop would
    else be outvoted by all others. ``D(p, y) = 1 - (2 sum(p y) + 1) / (sum(p) + sum(y) + 1)``.

    Unknown samples: in none of the sums. Crops without nodule teach through the first term.
    """

    def __init__(self, missed: float = 8.0) -> None:
        """Weight ``w`` of what is missed."""
        super().__init__()
        self.missed = missed

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of logits and values ``(B, K, *S)``."""
        chance, value = torch.sigmoid(output.logits.float()), batch.value.float()
        mask = known_mask(output, batch)
        if mask is not None:
            chance, value = chance * mask, value * mask
        both = _dice(chance, value)
        return both + self.missed * _dice(chance * value, value)


def _dice(chance: Tensor, value: Tensor) -> Tensor:
    axes = tuple(range(1, chance.ndim))
    overlap = (chance * value).sum(axes)
    score = (2 * overlap + 1) / (chance.sum(axes) + value.sum(axes) + 1)
    loss: Tensor = 1 - score.mean()
    return loss
