"""Boxes around objects: background outside, and inside an object that touches every side."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.losses.base import Loss, valid_mask
from inklings.losses.bce import BCE
from inklings.tensors import Batch, Output


class Outline(NamedTuple):
    """A coarse outline of a batch.

    Attributes:
        example: Which example.
        channel: Which channel its class is.
        where: From its first to its last sample along each axis.
        whole: Along which axes neither end lies at the border of the crop, where it may be cut.
    """

    example: int
    channel: int
    where: tuple[slice, ...]
    whole: tuple[bool, ...]


class BoxLoss(Loss):
    r"""What boxes say of the objects in them; for ``supervision: boxes``.

    ``L = BCE(known) + projection P + fill F + pairwise A``, each a mean of its own:

    - BCE over known samples, which are those outside of all boxes.
    - ``P`` (tightness: Kervadec 2020; as projections: Tian 2021, BoxInst). Every row and every
      column of a box crosses its object, in volumes every plane: ``1 - 2 sum(m) / (sum(m^2) + n)``
      over the ``n`` largest probabilities ``m`` of the rows of a box, and so for each axis.
    - ``F`` (filling rate: Song 2019). The share ``filled`` of a box that scores highest is the
      object, the share ``empty`` that scores lowest is not, what lies between is left open.
    - ``A`` (Tian 2021). Samples ``reach`` apart, one of them in a box, whose inputs differ by at
      most ``alike`` (root mean square over the channels of normalised inputs) are of one kind:
      ``-log(p q + (1 - p) (1 - q))``.

    A box that the border of the crop may have cut says nothing of what lies beyond: ``P`` asks
    along an axis only where the box is whole along the others, and ``F`` only where it is whole.

    Unknown samples: not looked at, but in boxes. Nothing known and no box: 0.

    Reference:
        Tian et al., *BoxInst: High-Performance Instance Segmentation with Box Annotations*, CVPR
        2021. https://arxiv.org/abs/2012.02310
        Kervadec et al., *Bounding boxes for weakly supervised segmentation: Global constraints
        get close to full supervision*, MIDL 2020. https://arxiv.org/abs/2004.06816
        Song et al., *Box-driven Class-wise Region Masking and Filling Rate Guided Loss for Weakly
        Supervised Semantic Segmentation*, CVPR 2019. https://arxiv.org/abs/1904.11693

    Args:
        projection: Weight of ``P``.
        fill: Weight of ``F``.
        filled: Share of a box that is its object for certain.
        empty: Share of a box that is not.
        pairwise: Weight of ``A``.
        alike: Largest difference between samples of one kind.
        reach: How far apart pairs are.
    """

    reads_objects = True

    def __init__(
        self,
        projection: float = 1.0,
        fill: float = 1.0,
        filled: float = 0.5,
        empty: float = 0.0,
        pairwise: float = 0.0,
        alike: float = 0.3,
        reach: int = 2,
    ) -> None:
        super().__init__()
        if min(projection, fill, pairwise, alike, empty) < 0 or not 0 < filled <= 1 - empty:
            raise SpecError(
                "loss box: expected weights and alike of 0 or more, filled above 0, and filled + "
                f"empty of at most 1, got projection {projection}, fill {fill}, pairwise "
                f"{pairwise}, alike {alike}, filled {filled}, empty {empty}"
            )
        if reach < 1:
            raise SpecError(f"loss box: expected a reach of 1 or more, got {reach}")
        self.projection, self.fill, self.pairwise = projection, fill, pairwise
        self.filled, self.empty, self.alike, self.reach = filled, empty, alike, reach
        self.outside = BCE()

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of logits and values ``(B, K, *S)``."""
        loss: Tensor = self.outside(output, batch)
        if batch.objects is None:
            return loss
        logits = output.logits.float()
        planes = [one.unbind() for one in logits.unbind()]  # gradients of a box are as small as it
        inside = [(planes[k.example][k.channel][k.where], k.whole) for k in outlines(batch.objects)]
        if self.projection:
            loss = loss + self.projection * _mean(
                [term for box, whole in inside for term in _projections(box, whole)], logits
            )
        if self.fill:
            boxes = [box for box, whole in inside if all(whole)]
            loss = loss + self.fill * _mean([self._filling(box) for box in boxes], logits)
        if self.pairwise:
            loss = loss + self.pairwise * self._pairs(output, batch)
        return loss

    def _filling(self, box: Tensor) -> Tensor:
        """Mean over the samples of a box that are told, of its logits."""
        order = box.flatten().sort(descending=True).values
        high, low = max(1, round(self.filled * len(order))), round(self.empty * len(order))
        told = [F.softplus(-order[:high]), F.softplus(order[len(order) - low :])]
        return torch.cat(told).mean()

    def _pairs(self, output: Output, batch: Batch) -> Tensor:
        """Mean over pairs that look alike, each channel a question of its own."""
        assert batch.objects is not None
        inside, valid = batch.objects > 0, valid_mask(output, batch)
        inputs, logits = batch.inputs.float(), output.logits.float()
        total, count = logits.new_zeros(()), logits.new_zeros(())
        for step in _steps(inside.ndim - 2, self.reach):
            one, other = _apart(inputs, step)
            told = (one - other).square().mean(1, keepdim=True).sqrt() <= self.alike
            told = told & torch.logical_or(*_apart(inside, step))
            if valid is not None:
                told = told & torch.logical_and(*_apart(valid, step))
            p, q = _apart(logits, step)
            both = F.logsigmoid(p) + F.logsigmoid(q)
            neither = F.logsigmoid(-p) + F.logsigmoid(-q)
            total = total - (torch.logaddexp(both, neither) * told).sum()
            count = count + told.sum()
        return total / count.clamp(min=1)


def outlines(objects: Tensor) -> list[Outline]:
    """The coarse outlines of a batch, from the number ``(B, K, *S)`` of the one of each sample."""
    place = objects.nonzero()
    if not len(place):
        return []
    names = torch.cat([place[:, :2], objects[tuple(place.T)].long()[:, None]], 1)
    found, number = torch.unique(names, dim=0, return_inverse=True)
    at = place[:, 2:]
    lines = number[:, None].expand_as(at)
    empty = at.new_zeros(len(found), at.shape[1])
    low = empty.scatter_reduce(0, lines, at, "amin", include_self=False)
    high = empty.scatter_reduce(0, lines, at, "amax", include_self=False)
    last = torch.tensor(objects.shape[2:], device=objects.device) - 1
    columns = (*found.T[:2], low, high + 1, (low > 0) & (high < last))
    return [
        Outline(example, channel, tuple(map(slice, start, stop)), tuple(whole))
        for example, channel, start, stop, whole in zip(*(c.tolist() for c in columns), strict=True)
    ]


def _projections(box: Tensor, whole: tuple[bool, ...]) -> Iterator[Tensor]:
    """Along each axis of a box of logits, how far its rows are from holding an object each."""
    for axis in range(box.ndim):
        others = [k for k in range(box.ndim) if k != axis]
        if all(whole[k] for k in others):
            shadow = torch.sigmoid(box.amax(others))
            yield 1 - 2 * shadow.sum() / (shadow.square().sum() + len(shadow))


def _mean(terms: list[Tensor], logits: Tensor) -> Tensor:
    return torch.stack(terms).mean() if terms else logits.sum() * 0


def _steps(dimensions: int, reach: int) -> list[tuple[int, ...]]:
    """To half of the neighbours, so that each pair is met once."""
    steps = itertools.product((-reach, 0, reach), repeat=dimensions)
    return [step for step in steps if step > (0,) * dimensions]


def _apart(array: Tensor, step: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """``array (B, C, *S)`` where its shifted copy overlaps it, and that copy."""
    sides = array.shape[2:]
    here = there = array
    for axis, (s, n) in enumerate(zip(step, sides, strict=True), start=2):
        here = here.narrow(axis, max(0, -s), n - abs(s))
        there = there.narrow(axis, max(0, s), n - abs(s))
    return here, there
