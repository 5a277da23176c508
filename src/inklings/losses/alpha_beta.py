"""Proxy labels for instances of which only the bag is labelled."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.losses.base import Loss, known_mask
from inklings.tensors import Batch, Output


class AlphaBeta(Loss):
    """Alpha / beta multiple-instance learning (Lerousseau 2020).

    A bag is ``bag`` tiles in a row of the batch; an instance is a cell of ``cell x cell`` samples
    of a tile, and its probability ``p`` the mean over the cell. Of a negative bag every sample is
    negative. Of a positive bag of ``N`` instances the ``alpha N`` of the highest ``p`` are
    positive, the samples of the ``beta N`` of the lowest negative, and the rest are left out:
    ``L = mean over bags of mean over labelled instances``, ``-log p`` for a positive one and the
    mean of ``-log(1 - p)`` over the samples of a negative one, each channel a question of its
    own. A bag is positive for a channel where any known value is; its cells of which half is
    known to be negative (glass) are not among the ``N``.

    ``alpha N`` is rounded up and at least one, so a small bag is never empty (published code
    rounds down, and the loss of a bag of nine tiles at alpha 0.1 is then not a number); where
    both shares meet, the positives stand.

    Differences from the paper: cells instead of whole tiles, so that a dense network learns
    where in a tile the evidence lies (a mean of logits would leave open where in the cell), and
    several bags a step. For one sample a tile it is the paper's loss.

    Unknown samples: in no cell. Nothing known: 0.

    Reference:
        Lerousseau et al., *Weakly supervised multiple instance learning histopathological tumor
        segmentation*, MICCAI 2020. https://arxiv.org/abs/2004.05024
    """

    def __init__(
        self,
        alpha: float = 0.1,
        beta: float = 0.0,
        bag: int = 1,
        cell: int | None = None,
        hard: float = 1.0,
    ) -> None:
        """Set the shares.

        Args:
            alpha: Least share of a positive bag that is positive.
            beta: Least share of a positive bag that is negative.
            bag: Tiles of a bag; as in ``sampling.bag``.
            cell: Side of an instance in samples; None for whole tiles.
            hard: Share of a negative bag that counts, those of the highest ``p``. With 1, as in
                the paper, a look that is as rare as ``alpha`` in bags of both kinds may be called
                positive in all of them at little cost; with ``alpha`` it may not.

        Raises:
            SpecError: If the shares are impossible together.
        """
        super().__init__()
        shares = 0 < alpha <= 1 and 0 <= beta <= 1 - alpha and 0 < hard <= 1
        if not shares or bag < 1 or (cell or 1) < 1:
            raise SpecError(
                "loss alpha_beta: expected 0 < alpha, 0 <= beta, alpha + beta <= 1, hard above 0 "
                "and at most 1, bag and cell from 1 on, got "
                f"{alpha}, {beta}, {hard}, {bag}, {cell}"
            )
        self.alpha, self.beta, self.bag, self.cell, self.hard = alpha, beta, bag, cell, hard

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
        pool = self._pool(logits)
        share = pool(known)
        seen = share.clamp(min=1e-9)
        chance = pool(torch.sigmoid(logits) * known) / seen
        cost = pool(F.softplus(logits) * known) / seen
        open_ = pool(batch.value.float() * known) / seen > 0.5
        losses = []
        for first in range(0, len(logits), self.bag):
            bag = slice(first, first + self.bag)
            there = (share[bag] > 0).expand_as(chance[bag])
            for k in range(there.shape[1]):
                own = there[:, k].flatten()
                if bool(own.any()):
                    cells = (x[bag][:, k].flatten()[own] for x in (chance, cost, open_))
                    losses.append(self._of_bag(*cells))
        return torch.stack(losses).mean() if losses else (logits * 0).sum()

    def _pool(self, logits: Tensor) -> Callable[[Tensor], Tensor]:
        """From samples ``(B, k, *S)`` to the means of instances ``(B, k, N)``."""
        if not self.cell or logits.ndim != 4:
            return lambda x: x.reshape(*x.shape[:2], -1).mean(2, keepdim=True)
        pool = partial(F.avg_pool2d, kernel_size=self.cell, ceil_mode=True)
        return lambda x: pool(x).flatten(2)

    def _of_bag(self, chance: Tensor, cost: Tensor, maybe: Tensor) -> Tensor:
        """The mean over the labelled of the instances ``(N,)`` of one bag.

        Args:
            chance: Probabilities.
            cost: Of calling each negative.
            maybe: Which are not known to be negative.
        """
        if not bool(maybe.any()):
            hard = max(1, math.ceil(self.hard * len(cost) - 1e-9))
            return cost.topk(hard).values.mean()
        chance, cost = chance[maybe], cost[maybe]
        count = len(chance)
        top = max(1, math.ceil(self.alpha * count - 1e-9))
        low = min(math.floor(self.beta * count + 1e-9), count - top)
        order = chance.detach().argsort(descending=True)
        terms = [-chance[order[:top]].clamp(min=1e-30).log(), cost[order[count - low :]]]
        return torch.cat(terms).mean()
