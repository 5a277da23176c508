"""A small network for small pictures."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from inklings.models.instances.base import Layers, picture

_SMALL = 20  # sides below it keep their size in a convolution of 3, or nothing would be left


class SmallCNN(Layers):
    """Two convolutions and a layer, normalised: learns digits from bag labels in half a minute.

    conv-16, pool, BN, ReLU, conv-32, pool, BN, ReLU, fc-128, BN, ReLU, dropout; kernels of 5, or of
    3 with padding for pictures below 20 pixels. Normalising after pooling is a quarter of the work.
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int = 128,
        channels: tuple[int, int] = (16, 32),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        first, height, breadth = picture(shape, "small_cnn")
        small = min(height, breadth) < _SMALL
        kernel, padding = (3, 1) if small else (5, 0)
        lost = kernel - 1 - 2 * padding
        left = [((side - lost) // 2 - lost) // 2 for side in (height, breadth)]
        one, two = channels
        self.features = width
        self.layers = nn.Sequential(
            nn.Conv2d(first, one, kernel, padding=padding, bias=False), nn.MaxPool2d(2),
            nn.BatchNorm2d(one), nn.ReLU(),
            nn.Conv2d(one, two, kernel, padding=padding, bias=False), nn.MaxPool2d(2),
            nn.BatchNorm2d(two), nn.ReLU(), nn.Flatten(),
            nn.Linear(two * left[0] * left[1], width, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Dropout(dropout),
        )  # fmt: skip
