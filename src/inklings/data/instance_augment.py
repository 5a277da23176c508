"""Augmentation of many small pictures at once, on tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from inklings.errors import SpecError
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
    """Brightness and contrast of each picture, and of pictures in three colours their chroma.

    Saturation and hue scale and turn what a pixel differs from its own grey, without clipping, so
    that they may follow any intensity scaling that treats the channels alike.

    Attributes:
        brightness: Largest shift, as a share of the range of the picture.
        contrast: Largest change about the mean, as a share.
        saturation: Largest change of the chroma, as a share.
        hue: Largest turn of the chroma, as a share of the whole circle.
    """

    brightness: float = 0.1
    contrast: float = 0.1
    saturation: float = 0.0
    hue: float = 0.0

    def __call__(self, pictures: Tensor, dice: Generator) -> Tensor:
        """``(M, C, H, W)``."""
        require_pictures(pictures, "bags.augment jitter")
        drawn = torch.rand((2, len(pictures), 1, 1, 1), generator=dice) * 2 - 1
        middle = pictures.mean((1, 2, 3), keepdim=True)
        spread = pictures.amax((1, 2, 3), keepdim=True) - pictures.amin((1, 2, 3), keepdim=True)
        changed = middle + (pictures - middle) * (1 + drawn[0] * self.contrast)
        changed = changed + drawn[1] * self.brightness * spread
        if not (self.saturation or self.hue):
            return changed
        if pictures.shape[1] != 3:
            raise SpecError(
                "bags.augment jitter: expected pictures of three channels for saturation and hue, "
                f"got {pictures.shape[1]}; leave both out"
            )
        drawn = torch.rand((2, len(pictures), 1, 1, 1), generator=dice) * 2 - 1
        return _coloured(changed, 1 + drawn[0] * self.saturation, drawn[1] * self.hue)


def _coloured(pictures: Tensor, scale: Tensor, turn: Tensor) -> Tensor:
    """RGB ``(M, 3, H, W)`` with its chroma scaled, and turned about the grey axis (Rodrigues)."""
    angle = 2 * math.pi * turn
    grey = pictures.mean(1, keepdim=True)
    chroma = pictures - grey
    across = (chroma.roll(1, 1) - chroma.roll(-1, 1)) / math.sqrt(3)
    return grey + scale * (chroma * angle.cos() + across * angle.sin())


@dataclass(frozen=True)
class InstanceNoise:
    """Gaussian noise on features, in units of their own spread within the batch."""

    sigma: float = 0.1

    def __call__(self, pictures: Tensor, dice: Generator) -> Tensor:
        """``(M, *shape)``."""
        spread = pictures.std(0, correction=0, keepdim=True)
        return pictures + self.sigma * spread * torch.randn(pictures.shape, generator=dice)
