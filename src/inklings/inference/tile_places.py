"""Where tiles lie, as CLAM and TRIDENT write it: level-0 pixels, with the attributes they expect.

``coords (N, 2)`` holds ``(x, y)`` of the upper left pixel of each tile on level 0. CLAM reads
``patch_level`` and ``patch_size`` (pixels of that level); TRIDENT ``patch_size_level0``,
``level0_magnification``, ``target_magnification`` and ``overlap``. Where no level of the slide has
the grid of the tiles, ``patch_level`` is 0 and ``patch_size`` counts pixels of level 0, for both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.cohorts.opening import open_case
from inklings.data.tile_index import TileIndex
from inklings.readers.image import Image
from inklings.readers.pyramid import Pyramid

_SAME_LEVEL = 0.01
_UM_AT_1X = 10.0


@dataclass(frozen=True)
class TilePlaces:
    """Places of the tiles of one slide.

    Attributes:
        coords: ``(N, 2)`` int64 ``(x, y)`` on level 0.
        attributes: Of the array.
        size: Side of a tile in pixels of level 0.
    """

    coords: NDArray[np.int64]
    attributes: Mapping[str, Any]
    size: int


def tile_places(case: Case, tiles: TileIndex, out: Path) -> TilePlaces:
    """Where the tiles of ``case`` lie on its level 0.

    Raises:
        DataError: If the slide cannot be opened.
    """
    head = tiles.head
    with open_case(case, head.image) as slide:
        view = head.view(slide)
        shape, own = slide.geometry.shape, slide.geometry.spacing
        factor = _factor(slide, view)
        levels = _levels(slide)
    corners = np.stack([tiles.x * factor[1], tiles.y * factor[0]], 1)
    step = math.sqrt(factor[0] * factor[1])
    fits = [k for k, down in enumerate(levels) if abs(down / step - 1) < _SAME_LEVEL]
    level = fits[0] if fits else 0
    whole = round(head.size * step)
    down = levels[level] if fits else 1.0
    size = [shape[1], shape[0]]
    found: dict[str, Any] = {
        "patch_size": head.size if fits else whole,
        "patch_size_level0": whole,
        "patch_level": level,
        "downsample": np.array([down, down]),
        "downsampled_level_dim": np.array([round(n / down) for n in size]),
        "level_dim": np.array([round(n / down) for n in size]),
        "level0_width": size[0],
        "level0_height": size[1],
        "overlap": round((head.size - head.stride) * (1.0 if fits else step)),
        "name": case.id,
        "save_path": str(out),
        "savetodir": str(out),
    }
    if own is not None:
        power = _plain(_UM_AT_1X / (1000 * math.sqrt(own[0] * own[1])))
        found |= {"level0_magnification": power, "target_magnification": _plain(power / down)}
    return TilePlaces(np.rint(corners).astype(np.int64), found, whole)


def _factor(slide: Image, view: Image) -> tuple[float, float]:
    """Pixels of level 0 to a sample of the grid of the tiles, ``(y, x)``."""
    if isinstance(view, Pyramid):
        return view.factor
    y, x = (n / m for n, m in zip(slide.geometry.shape, view.geometry.shape, strict=True))
    return y, x


def _levels(slide: Image) -> tuple[float, ...]:
    return slide.downsamples if isinstance(slide, Pyramid) else (1.0,)


def _plain(power: float) -> float | int:
    """40 for 40.002: spacings are rounded."""
    return round(power) if abs(power - round(power)) < 0.02 * power else float(power)
