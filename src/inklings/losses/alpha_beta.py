"""Proxy labels for instances of which only the bag is labelled."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.losses.base import known_mask
from inklings.tensors import Batch, Output


class AlphaBeta(nn.Module):
    """Alpha / beta multiple-instance learning (Lerousseau 2020).

    A bag is ``bag`` tiles in a row of the batch; an instance is a cell of ``cell x cell`` samples
    of a tile, and its logit the mean over the cell. Of a negative bag every instance is
    negative. Of a positive bag of ``N`` instances the ``alpha N`` of the highest logits are
    positive, the ``beta N`` of the lowest negative, and the rest are left out:
    ``L = mean over bags of mean over labelled instances of BCE``, each channel a question of its
    own. A bag is positive for a channel where any known value is.

    ``alpha N`` is rounded up and at least one, so a small bag is never empty (published code
    rounds down, and the loss of a bag of nine tiles at alpha 0.1 is then not a number); where
    both shares meet, the positives stand.

    Differences from the paper: cells instead of whole tiles, so that a dense network learns
    where in a tile the evidence lies, and several bags a step.

    Unknown samples: in no cell. Nothing known: 0.

    Reference:
        Lerousseau et al., *Weakly supervised multiple instance learning histopathological tumor
        segmentation*, MICCAI 2020. https://arxiv.org/abs/2004.05024
    """

    exclusive = False
    reads_unlabelled = False

    def __init__(
        self, alpha: float = 0.1, beta: float = 0.0, bag: int = 1, cell: int | None = None
    ) -> None:
        """Set the shares.

        Args:
            alpha: Least share of a positive bag that is positive.
            beta: Least share of a positive bag that is negative.
            bag: Tiles of a bag; as in ``sampling.bag``.
            cell: Side of an instance in samples; None for whole tiles.

        Raises:
            SpecError: If the shares are impossible together.
        """
        super().__init__()
        if not 0 < alpha <= 1 or not 0 <= beta <= 1 - alpha or bag < 1 or (cell or 1) < 1:
            raise SpecError(
                "loss alpha_beta: expected 0 < alpha, 0 <= beta, alpha + beta <= 1, bag and cell "
                f"from 1 on, got {alpha}, {beta}, {bag}, {cell}"
            )
        self.alpha, self.beta, self.bag, self.cell = alpha, beta, bag, cell

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of logits and values ``(B, K, *S)``; ``B`` a multiple of ``bag``.

        Raises:
            SpecError: If the batch is not made of whole bags.
        """
        logits = output.logits.float()
        if len(logits) % self.bag:
            raise SpecError(
                f"loss alpha_beta: expected batches of whole bags of {self.bag} tiles, got "
                f"{len(logits)} tiles; make training.batch_size a multiple of sampling.bag"
            )
        mask = known_mask(output, batch)
        known = torch.ones_like(logits[:, :1]) if mask is None else mask.float()
        means, share = self._instances(logits, known)
        positive = (batch.value.float() * known).reshape(*logits.shape[:2], -1).amax(2) >= 0.5
        losses = []
        for first in range(0, len(logits), self.bag):
            bag = slice(first, first + self.bag)
            seen = share[bag].flatten() > 0
            instances = means[bag].transpose(0, 1).flatten(1)[:, seen]
            if instances.shape[1]:
                labels = positive[bag].any(0)
                losses += [self._of_bag(z, bool(y)) for z, y in zip(instances, labels, strict=True)]
        return torch.stack(losses).mean() if losses else (logits * 0).sum()

    def _instances(self, logits: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Mean logit ``(B, K, N)`` of the known samples of each cell, their share ``(B, N)``."""
        flat = logits.flatten(2) if logits.ndim > 2 else logits[:, :, None]
        where = known.flatten(2) if known.ndim > 2 else known[:, :, None]
        if self.cell and logits.ndim == 4:
            pool = partial(F.avg_pool2d, kernel_size=self.cell, ceil_mode=True)
            total, share = pool(logits * known), pool(known)
            total, share = total.flatten(2), share.flatten(2)
        else:
            total, share = (flat * where).mean(2, keepdim=True), where.mean(2, keepdim=True)
        return total / share.clamp(min=1e-9), share[:, 0]

    def _of_bag(self, logits: Tensor, positive: bool) -> Tensor:
        """The mean over the labelled of the instances ``(N,)`` of one bag."""
        if not positive:
            return F.softplus(logits).mean()
        count = len(logits)
        top = max(1, math.ceil(self.alpha * count - 1e-9))
        low = min(math.floor(self.beta * count + 1e-9), count - top)
        ordered = logits.sort(descending=True).values
        terms = [F.softplus(-ordered[:top]), F.softplus(ordered[count - low :])]
        return torch.cat(terms).mean()
