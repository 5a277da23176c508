"""One picture seen several times: shifted, turned, stretched, sheared and bent a little."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from inklings.errors import SpecError


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
        """``(M, C, H, W)``, each in its own way; what comes in from outside repeats the border."""
        require_pictures(pictures, "affine")
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
        return F.grid_sample(
            pictures, grid.to(pictures), padding_mode="border", align_corners=False
        )


def views(pictures: Tensor, count: int, affine: Affine) -> Tensor:
    """``(M, C, H, W)`` to ``(count, M, C, H, W)``: the same views of every picture, always.

    They are drawn once and for all, so that what a model says of an instance depends neither on
    its place in the bag nor on its neighbours.
    """
    require_pictures(pictures, "views")
    # All pictures go as the channels of one, which is moved as a whole.
    whole = pictures.reshape(1, -1, *pictures.shape[2:]).expand(count, -1, -1, -1)
    return affine(whole, Generator().manual_seed(0)).reshape(count, *pictures.shape)


def require_pictures(pictures: Tensor, name: str) -> None:
    """Refuse what has no height and width.

    Raises:
        SpecError: If ``pictures`` is not ``(M, C, H, W)``.
    """
    if pictures.ndim != 4:
        raise SpecError(
            f"{name}: expected pictures (M, C, H, W), got {tuple(pictures.shape)}; features take "
            "noise, or none"
        )
