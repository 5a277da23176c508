"""The usual encoder of what the instances are."""

from __future__ import annotations

from collections.abc import Sequence

from inklings.models.instances.base import InstanceEncoder
from inklings.models.instances.mlp import MLP
from inklings.models.instances.small_cnn import SmallCNN


def auto(shape: Sequence[int]) -> InstanceEncoder:
    """`SmallCNN` for pictures ``(C, H, W)``; for features one layer of 64 with half dropped out."""
    return SmallCNN(shape) if len(shape) == 3 else MLP(shape, hidden=(64,), dropout=0.5)
