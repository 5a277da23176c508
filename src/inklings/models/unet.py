"""The U-Net: an encoder, a decoder, and a skip between every two levels of equal size."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.models.base import Model, crop, pad, start_at
from inklings.tensors import Output


class UNet(Model):
    """U-Net (Ronneberger 2015) with batch normalisation and padded convolutions.

    Level ``k`` has ``width * 2**k`` channels on a grid ``2**k`` times coarser; with the defaults
    64, 128, 256, 512, 1024. Going up, the coarse level is enlarged twofold, padded to the size
    of the skip, stacked on it and convolved twice. ``bilinear`` enlarges without parameters and
    halves the width of the bottom and of every block on the way up, as in the widely used
    implementation of milesial (17.3 M parameters; ``transposed`` has 31.0 M).

    With a ``stride``, the first convolution steps over that many samples and the logits are
    enlarged again: most of the work of a U-Net is on its finest grid, so ``2`` costs a quarter, for
    objects that are large against a sample.

    Differences from the paper: zero padding keeps the size, so nothing is cropped, and inputs
    smaller than one sample of the coarsest level are padded by zeros and cropped back.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 64,
        depth: int = 4,
        up: Literal["bilinear", "transposed"] = "bilinear",
        prior: float | None = None,
        stride: int = 1,
    ) -> None:
        """Build the network.

        Args:
            in_channels: ``C``, channels of the image.
            out_channels: ``K``, channels of the logits.
            width: Channels of the finest level.
            depth: How many times the grid is halved.
            up: How a coarse level is enlarged.
            prior: Share of positive samples the untrained network shall predict; for rare
                positives this saves the steps in which a network only learns to say no.
            stride: Samples of the image to one of the finest level.

        Raises:
            SpecError: If an option is impossible.
        """
        super().__init__()
        if width < 2 or width % 2 or depth < 1 or stride < 1:
            raise SpecError(
                "model unet: expected an even width >= 2, depth and stride >= 1, got "
                f"{width}, {depth} and {stride}"
            )
        if up not in ("bilinear", "transposed"):
            raise SpecError(f"model unet: expected up to be bilinear or transposed, got {up!r}")
        self.stride, self.divisor = stride, stride * 2**depth
        widths = [width * 2**level for level in range(depth + 1)]
        halve = 2 if up == "bilinear" else 1
        widths[-1] //= halve
        self.stem = DoubleConv(in_channels, width, width, stride)
        self.down = nn.ModuleList(
            DoubleConv(fine, coarse, coarse) for fine, coarse in pairwise(widths)
        )
        self.up = nn.ModuleList(
            Up(width * 2**level, width * 2 ** (level - 1) // (halve if level > 1 else 1), up)
            for level in range(depth, 0, -1)
        )
        self.head = nn.Conv2d(width, out_channels, 1)
        if prior is not None:
            start_at(self.head, prior)

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        """Logits ``(B, K, Y, X)`` of ``inputs`` ``(B, C, Y, X)``, of any size."""
        rows, columns = inputs.shape[-2:]
        small = min(rows, columns) < self.divisor
        x = pad(inputs, [max(side, self.divisor) for side in (rows, columns)]) if small else inputs
        skips = [self.stem(x)]
        for block in self.down:
            skips.append(block(F.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for block in self.up:
            x = block(x, skips.pop())
        logits = self.head(x)
        if self.stride > 1:
            logits = F.interpolate(logits, scale_factor=float(self.stride), mode="bilinear")
        whole = logits.shape[-2:] == (rows, columns)
        return Output(logits if whole else crop(logits, (rows, columns)))


class DoubleConv(nn.Sequential):
    """Twice: 3 x 3 convolution, batch normalisation, ReLU; the first may step over samples."""

    def __init__(self, before: int, between: int, after: int, stride: int = 1) -> None:
        # A step of n looks at 2 n + 1 samples, so that none is passed over.
        size = 2 * stride + 1
        # The normalisation has its own shift, so a bias before it would be a dead parameter.
        super().__init__(
            nn.Conv2d(before, between, size, stride=stride, padding=stride, bias=False),
            nn.BatchNorm2d(between),
            nn.ReLU(inplace=True),
            nn.Conv2d(between, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        )


class Up(nn.Module):
    """Enlarge the coarse level twofold, stack it on the skip, convolve twice.

    ``stacked`` is the number of channels after stacking.
    """

    def __init__(self, stacked: int, after: int, up: str) -> None:
        super().__init__()
        bilinear = up == "bilinear"
        self.enlarge = None if bilinear else nn.ConvTranspose2d(stacked, stacked // 2, 2, stride=2)
        self.convolve = DoubleConv(stacked, stacked // 2, after)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """``(B, after, Y, X)`` from ``coarse`` on half the grid and ``skip`` ``(B, _, Y, X)``."""
        if self.enlarge is None:
            x = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=True)
        else:
            x = self.enlarge(coarse)
        rows, columns = skip.shape[-2] - x.shape[-2], skip.shape[-1] - x.shape[-1]
        if rows or columns:
            x = F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        stacked: Tensor = self.convolve(torch.cat([skip, x], dim=1))
        return stacked
