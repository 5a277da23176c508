"""Pictures and volumes in memory with their masks: bright on a dark ground, learnt in seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def field(seed: int, channels: int = 0, side: int = 48) -> tuple[Array, Array]:
    """Bright discs on a dark ground, ``(side, side)`` or with channels last, and their numbers."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    objects = np.zeros((side, side), np.int64)
    for number in range(1, 4):
        cy, cx = rng.integers(8, side - 8, 2)
        objects[(y - cy) ** 2 + (x - cx) ** 2 < 36] = number
    shape = (side, side, channels) if channels else (side, side)
    bright = (objects > 0)[..., None] if channels else objects > 0
    image = np.where(bright, 180, 60) + rng.normal(0, 8, shape)
    return image.clip(0, 255).astype(np.uint8), objects


def scan(seed: int) -> tuple[Array, Array]:
    """A bright box off the middle of a dark volume, ``(z, y, x)`` float32, and its mask."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((6, 24, 32), np.uint8)
    mask[1:4, 3:11, 5 : 15 + seed % 3] = 1
    return (mask * 100 + rng.normal(0, 5, mask.shape)).astype(np.float32), mask
