"""The permutohedral lattice: Gaussian filtering of scattered points in a few dimensions.

Reference:
    Adams, Baek & Davis, *Fast High-Dimensional Filtering Using the Permutohedral Lattice*,
    Computer Graphics Forum 2010.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from inklings.errors import SpecError


class Lattice:
    """A Gaussian filter over ``N`` points in ``D`` dimensions, built once for many signals.

    Each point is split over the ``D + 1`` corners of the simplex that holds it, the corners are
    blurred along ``D + 1`` directions, and every point gathers what its corners then hold. The
    work grows with ``N`` and not with the spread of the points; the kernel is
    ``exp(-|a - b|^2 / 2)`` to within some per cent, times one constant.
    """

    def __init__(self, points: Tensor) -> None:
        """Lay out the lattice.

        Args:
            points: ``(N, D)`` float, in units of the standard deviation.
        """
        count, self.dimensions = points.shape
        corners, self.weights = _simplices(_elevated(points))
        corners = corners.reshape(-1, self.dimensions + 1)
        box = _Box.around(corners)
        keys = box.keys(corners)
        unique, index = torch.unique(keys, return_inverse=True)
        self.corners = index.view(count, self.dimensions + 1)
        self.size = len(unique)
        where = torch.empty(self.size, dtype=torch.long)
        where[index] = torch.arange(len(keys))
        self._neighbours = _neighbours(corners[where], unique, box)

    def filter(self, signal: Tensor) -> Tensor:
        """Blur ``signal`` ``(N, K)``; every point counts itself too."""
        held = signal.new_zeros(self.size + 1, signal.shape[1])  # the last: nowhere
        for corner in range(self.dimensions + 1):
            spread = signal * self.weights[:, corner, None]
            held.index_add_(0, self.corners[:, corner], spread)
        for left, right in self._neighbours:
            blurred = held[:-1] + 0.5 * (held[left] + held[right])
            held = torch.cat([blurred, held[-1:]])
        out = torch.zeros_like(signal)
        for corner in range(self.dimensions + 1):
            out += held[self.corners[:, corner]] * self.weights[:, corner, None]
        return out / (1 + 2.0**-self.dimensions)


def _elevated(points: Tensor) -> Tensor:
    """``(N, D + 1)`` on the plane whose coordinates sum to zero, scaled to the blur."""
    d = points.shape[1]
    index = torch.arange(1, d + 1, dtype=points.dtype)
    scaled = points * ((d + 1) * (2 / 3) ** 0.5 / (index * (index + 1)).sqrt())
    tail = torch.cat([scaled.flip(1).cumsum(1).flip(1), points.new_zeros(len(points), 1)], 1)
    steps = torch.cat([points.new_zeros(len(points), 1), scaled * index], 1)
    return tail - steps


def _simplices(elevated: Tensor) -> tuple[Tensor, Tensor]:
    """Corners ``(N, D + 1, D + 1)`` int64 of the simplex around each point, and its weights."""
    d = elevated.shape[1] - 1
    nearest = torch.round(elevated / (d + 1)) * (d + 1)
    surplus = (nearest.sum(1, keepdim=True) / (d + 1)).round().long()
    order = torch.argsort(elevated - nearest, dim=1, descending=True, stable=True)
    rank = torch.argsort(order, dim=1) + surplus
    low, high = rank < 0, rank > d
    rank = rank + (d + 1) * (low.long() - high.long())
    nearest = nearest + (d + 1) * (low.to(nearest.dtype) - high.to(nearest.dtype))

    share = (elevated - nearest) / (d + 1)
    weights = elevated.new_zeros(len(elevated), d + 2)
    weights.scatter_add_(1, d - rank, share)
    weights.scatter_add_(1, d + 1 - rank, -share)
    weights[:, 0] += 1 + weights[:, d + 1]

    kind = torch.arange(d + 1)[:, None].expand(d + 1, d + 1)
    canonical = torch.where(torch.arange(d + 1) <= d - kind, kind, kind - (d + 1))
    offsets = canonical[:, rank].permute(1, 0, 2)
    return nearest.long()[:, None] + offsets, weights[:, : d + 1].contiguous()


@dataclass(frozen=True)
class _Box:
    """A box around all corners, in which each has one number."""

    low: Tensor
    strides: Tensor

    @classmethod
    def around(cls, corners: Tensor) -> _Box:
        # The last coordinate follows from the others; neighbours lie up to D away.
        d = corners.shape[1] - 1
        low = corners[:, :d].amin(0) - (d + 1)
        spans = (corners[:, :d].amax(0) + d + 2 - low).tolist()
        if math.prod(spans) >= 2**63:
            raise SpecError(
                f"lattice: expected points within 2^63 cells, got {spans} of them a side; "
                "widen the kernel or cut the image"
            )
        strides = [math.prod(spans[axis + 1 :]) for axis in range(d)]
        return cls(low, torch.tensor(strides))

    def keys(self, corners: Tensor) -> Tensor:
        """``(M,)`` numbers of ``corners`` ``(M, D + 1)``."""
        return ((corners[:, :-1] - self.low) * self.strides).sum(1)


def _neighbours(corners: Tensor, keys: Tensor, box: _Box) -> list[tuple[Tensor, Tensor]]:
    """For each direction where in ``keys`` the two neighbours are; ``len(keys)`` is nowhere."""
    found = []
    for axis in range(corners.shape[1]):
        step = torch.ones(corners.shape[1], dtype=torch.long)
        step[axis] = 1 - corners.shape[1]
        pair = (_find(keys, box.keys(corners + step)), _find(keys, box.keys(corners - step)))
        found.append(pair)
    return found


def _find(keys: Tensor, wanted: Tensor) -> Tensor:
    at = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return torch.where(keys[at] == wanted, at, len(keys))
