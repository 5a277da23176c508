"""Networks that judge one small box of a CT."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from inklings.models.base import Model
from inklings.tensors import Output


class NoduleNet(Model):
    """Is it a nodule, is it malignant: a box and the diameter in, one logit out.

    ``inputs`` ``(B, 2, Z, Y, X)``: grey values, and a channel that is the diameter (its logarithm
    over 8 mm) everywhere. Three levels of ``width``, ``2 width`` and ``4 width`` channels; of the
    last, the mean and the value in the middle, and the diameter beside them, pass two linear
    layers. The diameter is the strongest single sign of malignancy, and a box of fixed size shows
    it badly. ``fine`` puts a convolution of half the width in front, at full resolution: spicules
    are one or two samples thick, and a first step of two loses them.
    """

    dimensions = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 16,
        dropout: float = 0.2,
        fine: bool = False,
    ) -> None:
        """Build the network."""
        super().__init__()
        sizes = [in_channels - 1, width, 2 * width, 4 * width]
        half = width // 2
        self.stem = (
            nn.Sequential(_convolution(sizes[0], half), _convolution(half, sizes[1], 2))
            if fine
            else _convolution(sizes[0], sizes[1], 2)
        )
        self.levels = nn.Sequential(
            _convolution(sizes[1], sizes[1]),
            _convolution(sizes[1], sizes[2], 2),
            _convolution(sizes[2], sizes[2]),
            _convolution(sizes[2], sizes[3], 2),
            _convolution(sizes[3], sizes[3]),
        )
        self.block = nn.Sequential(
            nn.Linear(2 * sizes[3] + 1, 32), nn.ReLU(inplace=True), nn.Dropout(dropout)
        )
        self.head = nn.Linear(32, out_channels)

    def last_layers(self, depth: int) -> Sequence[nn.Module]:
        """The head, and the linear layer before it."""
        return [self.head] if depth == 1 else [self.head, self.block]

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        """Logits ``(B, out_channels)``."""
        features = self.levels(self.stem(inputs[:, :-1]))
        size = inputs[:, -1, 0, 0, 0][:, None].to(features.dtype)
        z, y, x = (n // 2 for n in features.shape[2:])
        middle = features[:, :, z - 1 : z + 1, y - 1 : y + 1, x - 1 : x + 1].amax((2, 3, 4))
        pooled = torch.cat([features.mean((2, 3, 4)), middle, size], 1)
        return Output(self.head(self.block(pooled)))


class LunaNet(Model):
    """The classifier of the reference: four blocks of two convolutions, 8 to 64 channels.

    Input ``(B, 1, 32, 48, 48)`` is normalised as a batch; each block ends in a maximum over 2^3;
    the last one's 1,152 numbers pass one linear layer. The reference has two logits and a softmax:
    one logit and a sigmoid, its difference, is the same function.

    Differences: boxes of other sizes are allowed (``sides``).
    """

    dimensions = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        sides: tuple[int, int, int] = (32, 48, 48),
        width: int = 8,
    ) -> None:
        """Build the network."""
        super().__init__()
        self.tail = nn.BatchNorm3d(1)
        widths = [1, width, 2 * width, 4 * width, 8 * width]
        self.levels = nn.Sequential(*map(_luna_block, widths[:-1], widths[1:]))
        count = widths[-1] * int(torch.tensor([n // 16 for n in sides]).prod())
        self.head = nn.Linear(count, out_channels)
        self.in_channels = in_channels
        for module in self.modules():
            if isinstance(module, nn.Conv3d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                assert module.bias is not None
                nn.init.normal_(module.bias, std=1e-3)

    def last_layers(self, depth: int) -> Sequence[nn.Module]:
        """The head, and the last block of convolutions."""
        return [self.head] if depth == 1 else [self.head, self.levels[-1]]

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        """Logits ``(B, out_channels)``; a channel with the diameter is not looked at."""
        features = self.levels(self.tail(inputs[:, :1]))
        return Output(self.head(features.flatten(1)))


def _luna_block(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inside, outside, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv3d(outside, outside, 3, padding=1), nn.ReLU(inplace=True),
        nn.MaxPool3d(2, 2),
    )  # fmt: skip


def _convolution(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inside, outside, 3, stride, 1, bias=False),
        nn.BatchNorm3d(outside),
        nn.ReLU(inplace=True),
    )
