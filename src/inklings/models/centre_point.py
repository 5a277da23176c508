"""Centre points: where objects are and how large, from one pass over a volume."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inklings.models.base import Model, multiples, pad
from inklings.tensors import Output


class CentrePoint(Model):
    """A heat map of centres with the offset and the size at each, after CenterNet (Zhou 2019).

    Three levels, on grids 2, 4 and 8 times coarser than the input ``(B, 1, Z, Y, X)``, with
    ``width``, ``2 width`` and ``3 width`` channels; the coarser ones are added back, interpolated.
    Logits ``(B, 5, Z/2, Y/2, X/2)``: the centre (a sigmoid), the offset of the centre from the
    sample in samples of the output ``(z, y, x)``, and the logarithm of the diameter over 8 mm.

    Differences from the paper: three dimensions, a light encoder without pretraining, and sizes as
    logarithms, so that 4 and 30 mm weigh alike.
    """

    divisor = 8
    dimensions = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 24,
        blocks: int = 2,
        prior: float = 0.01,
    ) -> None:
        """Build the network.

        Args:
            in_channels: Channels of the volume.
            out_channels: 5.
            width: Channels of the finest level.
            blocks: Convolutions of each coarser level beyond the one that makes it coarser.
            prior: Heat that the untrained network predicts everywhere.
        """
        super().__init__()
        self.stem = nn.Sequential(
            _convolution(in_channels, width, 5, 2), _convolution(width, width)
        )
        self.second = _level(width, 2 * width, blocks)
        self.third = _level(2 * width, 3 * width, blocks)
        self.from_third = nn.Conv3d(3 * width, 2 * width, 1)
        self.mix_second = _convolution(2 * width, 2 * width)
        self.from_second = nn.Conv3d(2 * width, width, 1)
        self.mix = _convolution(width, width)
        self.head = nn.Conv3d(width, out_channels, 1)
        with torch.no_grad():
            assert self.head.bias is not None
            self.head.bias.zero_()
            self.head.bias[0] = math.log(prior / (1 - prior))

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        """Logits of ``inputs``, whose sides are padded to multiples of 8."""
        inputs = pad(inputs, multiples(inputs.shape[2:], self.divisor))
        first = self.stem(inputs)
        second = self.second(first)
        third = self.third(second)
        second = self.mix_second(second + _wider(self.from_third(third)))
        first = self.mix(first + _wider(self.from_second(second)))
        return Output(self.head(first))


def _wider(coarse: Tensor) -> Tensor:
    return F.interpolate(coarse, scale_factor=2, mode="trilinear", align_corners=False)


def _level(inside: int, outside: int, blocks: int) -> nn.Sequential:
    steps = [_convolution(inside, outside, 3, 2)]
    return nn.Sequential(*steps, *(_convolution(outside, outside) for _ in range(blocks)))


def _convolution(inside: int, outside: int, side: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inside, outside, side, stride, side // 2, bias=False),
        nn.BatchNorm3d(outside),
        nn.ReLU(inplace=True),
    )
