"""The network of the 2018 paper."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from inklings.models.instances.base import Layers, picture


class LeNet(Layers):
    """conv5-20, pool, conv5-50, pool, fc-500, each with ReLU (Ilse, Tomczak & Welling 2018).

    For pictures of 28 x 28; others give another number of inputs to the last layer.
    """

    def __init__(self, shape: Sequence[int], width: int = 500) -> None:
        super().__init__()
        channels, height, breadth = picture(shape, "lenet")
        left = [((side - 4) // 2 - 4) // 2 for side in (height, breadth)]
        self.features = width
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 20, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(50 * left[0] * left[1], width), nn.ReLU(),
        )  # fmt: skip
