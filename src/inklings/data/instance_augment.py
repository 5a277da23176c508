"""Augmentation of many small pictures at once, on tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from inklings.models.views import Affine, require_pictures


class InstanceAugment(Protocol):
    """Changes ``(M, C, H, W)`` float32 pictures, each in its own way."""

    def __call__(self, pictures: Tensor, dice: Generator) -> Tensor:
        """As many pictures, of the same size; chance comes from ``dice`` alone."""


@dataclass(frozen=True)
class Auto:
    """`Affine` for pictures; features stay as they are."""

    def __call__(self, pictures: Tensor, dice: Generator) -> Tensor:
        """``(M, *shape)``."""
        return Affine()(pictures, dice) if pictures.ndim == 4 else pictures


@dataclass(frozen=True)
class InstanceFlips:
    """Mirror images and quarter turns, for tissue, which has no top."""

    def __call__(self, pictures: Tensor, dice: Generator) -> Tensor:
        """``(M, C, H, W)``, square."""
        require_pictures(pictures, "bags.augment flips")
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
        require_pictures(pictures, "bags.augment jitter")
        drawn = torch.rand((2, len(pictures), 1, 1, 1), generator=dice) * 2 - 1
        middle = pictures.mean((1, 2, 3), keepdim=True)
        spread = pictures.amax((1, 2, 3), keepdim=True) - pictures.amin((1, 2, 3), keepdim=True)
        changed = middle + (pictures - middle) * (1 + drawn[0] * self.contrast)
        return changed + drawn[1] * self.brightness * spread


@dataclass(frozen=True)
class InstanceNoise:
    """Gaussian noise on features, in units of their own spread within the batch."""

    sigma: float = 0.1

    def __call__(self, pictures: Tensor, dice: Generator) -> Tensor:
        """``(M, *shape)``."""
        spread = pictures.std(0, correction=0, keepdim=True)
        return pictures + self.sigma * spread * torch.randn(pictures.shape, generator=dice)
