"""The U-Net of volumes."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.models.base import Model, crop, multiples, pad, start_at
from inklings.tensors import Output

Triple = tuple[int, int, int]


class UNet3D(Model):
    """3-D U-Net (Çiçek 2016), as nnU-Net simplifies it (Isensee 2021).

    Level ``k`` has ``width * 2**k`` channels, at most ``widest``, on a grid ``2**k`` times coarser:
    two 3 x 3 x 3 convolutions, each followed by normalisation and a leaky ReLU; strided
    convolutions on the way down, transposed ones on the way up, a skip between.

    Differences from the papers: the first ``flat`` levels are halved within the plane only and
    convolved with 1 x 3 x 3, for volumes whose planes lie far apart; the loss looks at one output.
    Inputs whose sides are no multiples of the strides are padded by zeros and cropped back.
    """

    dimensions = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 16,
        depth: int = 3,
        flat: int = 0,
        widest: int = 256,
        norm: Literal["instance", "batch"] = "instance",
        prior: float | None = None,
    ) -> None:
        """Build the network.

        Args:
            in_channels: ``C``, channels of the volume.
            out_channels: ``K``, channels of the logits.
            width: Channels of the finest level.
            depth: How many times the grid is halved.
            flat: How many of these times within the plane only.
            widest: Most channels of any level.
            norm: ``instance``, which does not depend on the batch, or ``batch``, which is faster.
            prior: Share of positive samples the untrained network shall predict.

        Raises:
            SpecError: If an option is impossible.
        """
        super().__init__()
        if width < 1 or depth < 1 or not 0 <= flat <= depth:
            raise SpecError(
                "model unet3d: expected width and depth from 1 up and flat between 0 and depth, "
                f"got {width}, {depth} and {flat}"
            )
        if norm not in ("instance", "batch"):
            raise SpecError(f"model unet3d: expected norm to be instance or batch, got {norm!r}")
        self.divisors = (2 ** (depth - flat), 2**depth, 2**depth)
        self.divisor = 2 ** (depth - flat)
        widths = [min(width * 2**level, widest) for level in range(depth + 1)]
        strides: list[Triple] = [(1, 2, 2) if k < flat else (2, 2, 2) for k in range(depth)]
        kernels: list[Triple] = [(1, 3, 3) if k < flat else (3, 3, 3) for k in range(depth + 1)]
        self.stem = _block(in_channels, widths[0], kernels[0], norm)
        self.down = nn.ModuleList(
            _block(fine, coarse, kernel, norm, stride)
            for (fine, coarse), kernel, stride in zip(
                pairwise(widths), kernels[1:], strides, strict=True
            )
        )
        self.enlarge = nn.ModuleList(
            nn.ConvTranspose3d(coarse, fine, stride, stride)
            for (fine, coarse), stride in zip(pairwise(widths), strides, strict=True)
        )
        self.up = nn.ModuleList(
            _block(2 * fine, fine, kernel, norm)
            for fine, kernel in zip(widths[:-1], kernels, strict=False)
        )
        self.head = nn.Conv3d(widths[0], out_channels, 1)
        if prior is not None:
            start_at(self.head, prior)
        # Channels last is what convolutions like best, and instance normalisation least.
        self._layout = torch.channels_last_3d if norm == "batch" else torch.contiguous_format
        if norm == "batch":
            self.to(memory_format=torch.channels_last_3d)

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        """Logits ``(B, K, Z, Y, X)`` of ``inputs`` ``(B, C, Z, Y, X)``, of any size."""
        size = inputs.shape[2:]
        sides = [
            multiples([side], divisor)[0] for side, divisor in zip(size, self.divisors, strict=True)
        ]
        skips = [self.stem(pad(inputs, sides).contiguous(memory_format=self._layout))]
        for block in self.down:
            skips.append(block(skips[-1]))
        x = skips.pop()
        for level in range(len(self.up) - 1, -1, -1):
            x = self.up[level](torch.cat([skips.pop(), self.enlarge[level](x)], dim=1))
        return Output(crop(self.head(x), size))


class _Norm(nn.GroupNorm):
    """Instance normalisation that also takes the single sample that small crops end in."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)

    def forward(self, inputs: Tensor) -> Tensor:
        """Every channel of every volume to mean 0 and deviation 1, then scaled."""
        if inputs[0, 0].numel() == 1:
            return inputs
        return F.group_norm(inputs, self.num_groups, self.weight, self.bias, self.eps)


def _block(
    before: int,
    after: int,
    kernel: Triple,
    norm: str,
    stride: Triple = (1, 1, 1),
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels, step in ((before, stride), (after, (1, 1, 1))):
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        layers += [
            nn.Conv3d(channels, after, kernel, step, padding, bias=False),
            _Norm(after) if norm == "instance" else nn.BatchNorm3d(after),
            nn.LeakyReLU(0.01, inplace=True),
        ]
    return nn.Sequential(*layers)
