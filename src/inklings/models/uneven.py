"""Bags of very different sizes in one batch: pooled each by itself, or in groups of one size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from inklings.models.pooling.base import Pooling
from inklings.tensors import Output

_WASTE = 2  # padded places for one instance that are still cheaper than a second group
_APART = 4  # the largest bag of a group has at most so many times the places of the smallest
_LARGE = 2**17  # numbers of a bag that take longer to copy than its layers take to call
_BY_BAG = ("logits", "second")
_BY_INSTANCE = ("attention", "instances", "contributions", "clusters")


def alike(valid: Tensor, features: int = 0) -> list[list[int]]:
    """Numbers of the bags that are padded together; all of them where little is padded.

    Args:
        valid: ``(B, N)``, True where there is an instance.
        features: Numbers of an instance; bags of many numbers stay where they are, each a group.
            0 where a call costs more than copying does.
    """
    count, places = valid.shape
    there = int(valid.sum())
    if valid.numel() > there and there * features >= _LARGE * count:
        return [[row] for row in range(count)]
    if valid.numel() <= _WASTE * there:
        return [list(range(count))]
    sizes = (valid * torch.arange(1, places + 1, device=valid.device)).amax(1).tolist()
    groups: list[list[int]] = []
    for row in sorted(range(count), key=lambda i: -sizes[i]):
        if not groups or _APART * sizes[row] < sizes[groups[-1][0]]:
            groups.append([])
        groups[-1].append(row)
    return groups


def pool_groups(
    pooling: Pooling, features: Tensor, valid: Tensor, groups: Sequence[Sequence[int]]
) -> Output:
    """What ``pooling`` says of all bags, group by group; nothing is known of padding.

    Args:
        pooling: Blind to padding, as all are.
        features: ``(M, D)``, one bag after the other.
        valid: ``(B, N)`` with ``M`` True places.
        groups: From `alike`.
    """
    if len(groups) == 1:
        return pooling(_padded(features, valid), valid)
    parts = torch.split(features, valid.sum(1).tolist())
    said = []
    for rows in groups:
        width = int(valid[rows].any(0).nonzero().max()) + 1
        there = valid[rows, :width]
        whole = parts[rows[0]] if len(rows) == 1 else torch.cat([parts[i] for i in rows])
        said.append(pooling(_padded(whole, there), there))
    fields = [name for name in (*_BY_BAG, *_BY_INSTANCE) if getattr(said[0], name) is not None]
    return Output(**{
        name: _joined([getattr(one, name) for one in said], groups, valid, name in _BY_INSTANCE)
        for name in fields
    })  # fmt: skip


def _padded(features: Tensor, valid: Tensor) -> Tensor:
    """``(M, D)`` to ``(B, N, D)``, zeros on padding; a view where nothing is padded."""
    if valid.numel() == len(features):
        return features.view(*valid.shape, features.shape[1])
    padded = features.new_zeros((*valid.shape, features.shape[1]))
    padded[valid] = features
    return padded


def _joined(
    values: Sequence[Tensor], groups: Sequence[Sequence[int]], valid: Tensor, wide: bool
) -> Tensor:
    """Values of the groups in the order of the bags; ``wide`` ones padded to ``N`` places."""
    inner = values[0].shape[2:] if wide else values[0].shape[1:]
    shape = (*valid.shape, *inner) if wide else (len(valid), *inner)
    whole = values[0].new_zeros(shape)
    for rows, value in zip(groups, values, strict=True):
        if wide:
            whole[rows, : value.shape[1]] = value
        else:
            whole[rows] = value
    return whole
