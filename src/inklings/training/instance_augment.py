"""Augmentation of many small pictures at once, on tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from inklings.errors import SpecError


class InstanceAugment(Protocol):
    """Changes ``(M, C, H, W)`` float32 pictures, each in its own way."""

    def __call__(self, pictures: Tensor, dice: Generator) -> Tensor:
        """As many pictures, of the same size; chance comes from ``dice`` alone."""


@dataclass(frozen=True)
class Affine:
    """Shift, rotation, scale and shear, each drawn evenly from both sides of nothing.

    Attributes:
        shift: Share of the side.
        rotate: Degrees.
        scale: Of each axis by itself: .1 is 10 % smaller or larger.
        shear: Share of the side that the far edge is moved.
        bend: Share of the side that single places are moved, smoothly between a grid of
            ``bends`` (elastic distortion, Simard 2003); its standard deviation.
        bends: Places of that grid, on each side.
    """

    shift: float = 1 / 14
    rotate: float = 12.0
    scale: float = 0.1
    shear: float = 0.15
    bend: float = 0.0
    bends: int = 5

    def __call__(self, pictures: Tensor, dice: Generator) -> Tensor:
        """``(M, C, H, W)``; what comes in from outside repeats the border."""
        _require_pictures(pictures, "affine")
        count = len(pictures)
        drawn = torch.rand((count, 6), generator=dice) * 2 - 1
        angle = drawn[:, 0] * math.radians(self.rotate)
        cos, sin = angle.cos(), angle.sin()
        wide, high = 1 + drawn[:, 1] * self.scale, 1 + drawn[:, 2] * self.scale
        shift = drawn[:, 4:] * 2 * self.shift  # the picture reaches from -1 to 1
        upper = torch.stack([cos * wide, drawn[:, 3] * self.shear - sin * high, shift[:, 0]], 1)
        lower = torch.stack([sin * wide, cos * high, shift[:, 1]], 1)
        grid = F.affine_grid(
            torch.stack([upper, lower], 1), list(pictures.shape), align_corners=False
        )
        if self.bend:
            places = torch.randn((count, 2, self.bends, self.bends), generator=dice)
            moved = F.interpolate(places, pictures.shape[-2:], mode="bicubic", align_corners=True)
            grid = grid + 2 * self.bend * moved.permute(0, 2, 3, 1)
        return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


@dataclass(frozen=True)
class Flips:
    """Mirror images and quarter turns, for tissue, which has no top."""

    def __call__(self, pictures: Tensor, dice: Generator) -> Tensor:
        """``(M, C, H, W)``, square."""
        _require_pictures(pictures, "flips")
        drawn = torch.randint(0, 2, (3, len(pictures), 1, 1, 1), generator=dice).bool()
        pictures = torch.where(drawn[0], pictures.flip(-1), pictures)
        pictures = torch.where(drawn[1], pictures.flip(-2), pictures)
        if pictures.shape[-1] == pictures.shape[-2]:
            pictures = torch.where(drawn[2], pictures.transpose(-1, -2), pictures)
        return pictures


@dataclass(frozen=True)
class Jitter:
    """Brightness and contrast, as shares of the range of each picture."""

    brightness: float = 0.1
    contrast: float = 0.1

    def __call__(self, pictures: Tensor, dice: Generator) -> Tensor:
        """``(M, C, H, W)``."""
        _require_pictures(pictures, "jitter")
        drawn = torch.rand((2, len(pictures), 1, 1, 1), generator=dice) * 2 - 1
        middle = pictures.mean((1, 2, 3), keepdim=True)
        spread = pictures.amax((1, 2, 3), keepdim=True) - pictures.amin((1, 2, 3), keepdim=True)
        changed = middle + (pictures - middle) * (1 + drawn[0] * self.contrast)
        return changed + drawn[1] * self.brightness * spread


@dataclass(frozen=True)
class Noise:
    """Gaussian noise on features, in units of their own spread within the batch."""

    sigma: float = 0.1

    def __call__(self, pictures: Tensor, dice: Generator) -> Tensor:
        """``(M, *shape)``."""
        spread = pictures.std(0, correction=0, keepdim=True)
        return pictures + self.sigma * spread * torch.randn(pictures.shape, generator=dice)


def _require_pictures(pictures: Tensor, name: str) -> None:
    if pictures.ndim != 4:
        raise SpecError(
            f"bags.augment {name}: expected pictures (M, C, H, W), got {tuple(pictures.shape)}; "
            "features take noise, or none"
        )
