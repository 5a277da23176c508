"""Sheets of rendered tissue from which whole slides are put together.

A sheet is a square of stroma, or of stroma with glands of one Gleason pattern, as densities of
the two stains: independent of the laboratory's colours. Drawing tissue takes seconds a square
millimetre; laying sheets takes hundredths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.simulation.phantoms.fields import Plane
from inklings.simulation.phantoms.section import paint, trace
from inklings.simulation.phantoms.stains import STAINS, Stain
from inklings.simulation.phantoms.world import Look, World

SIDE_UM = 1024.0
GRADES = (0, 3, 4, 5)
"""Benign, and the Gleason patterns."""
_FADE_UM = 40.0
_RIM_UM = 5.0
_DENSEST = 2.0
Codes = NDArray[np.uint16]


@dataclass(frozen=True)
class Sheet:
    """Tissue of one kind on a grid ``(n, n)`` that repeats.

    Attributes:
        grade: Gleason pattern of its glands, 0 where benign.
        codes: Both densities: haematoxylin in the upper byte, eosin in the lower.
        owner: Number of the gland whose look reaches here, 0 where it is stroma.
        inside: Within the outline of that gland, lumen included.
        centres: ``(glands + 1, 2)`` in samples, row and column, by number.
        radii: ``(glands + 1,)`` in samples.
    """

    grade: int
    codes: Codes
    owner: NDArray[np.int16]
    inside: NDArray[np.bool_]
    centres: NDArray[np.float32]
    radii: NDArray[np.float32]

    def turned(self, turn: int) -> Sheet:
        """Rotated by ``turn % 4`` quarters, and mirrored before from 4 on: other glands to see."""
        last = len(self.codes) - 1
        y, x = self.centres.T
        y, x = (x, y) if turn >= 4 else (y, x)
        for _ in range(turn % 4):
            y, x = last - x, y
        return replace(
            self,
            codes=_turned(self.codes, turn),
            owner=_turned(self.owner, turn),
            inside=_turned(self.inside, turn),
            centres=np.stack([y, x], axis=1),
        )


@dataclass(frozen=True)
class Library:
    """Stroma without glands, and the sheets with them, the benign one first."""

    um: float
    stroma: Codes
    sheets: tuple[Sheet, ...]

    @property
    def side(self) -> int:
        """Samples along a sheet."""
        return len(self.stroma)

    def turned(self, turn: int) -> Library:
        """All sheets turned, see `Sheet.turned`."""
        sheets = tuple(sheet.turned(turn) for sheet in self.sheets)
        return replace(self, stroma=_turned(self.stroma, turn % 4 & 2), sheets=sheets)


def library(um: float = 0.5, seed: int = 0, grades: Sequence[int] = GRADES) -> Library:
    """The sheets of ``grades`` at samples of ``um``; each is drawn once."""
    um = float(um)
    return Library(um, _stroma(um, seed), tuple(_sheet(grade, um, seed) for grade in grades))


def side_of(um: float) -> int:
    """Samples along a sheet at samples of ``um``."""
    return round(SIDE_UM / um)


def colours(stain: Stain) -> NDArray[np.uint8]:
    """RGB ``(65536, 3)`` of every code of densities."""
    steps = np.arange(256, dtype=np.float32) * np.float32(_DENSEST / 255)
    flat = np.zeros((256, 256), np.float32)
    rgb = stain.develop(flat + steps[:, None], flat + steps, flat)
    return np.ascontiguousarray(rgb.reshape(3, -1).T)


class _Unbroken(World):
    """Tissue without an edge."""

    def inside_tissue(self, crowd: Plane) -> Plane:
        """Far from any glass."""
        return np.full_like(crowd, 500.0)


def _turned(plane: NDArray[Any], turn: int) -> NDArray[Any]:
    return np.rot90(plane.T if turn >= 4 else plane, turn % 4)


def _world(grade: int, seed: int, side_um: float, tumour: float) -> World:
    look = Look(STAINS[0], tumour, ((max(grade, 3), 1.0),), inflamed=-0.1)
    return _Unbroken(9100 + 17 * seed + grade, (side_um, side_um), look)


@lru_cache(maxsize=2)
def _stroma(um: float, seed: int) -> Codes:
    """Faded into itself at the far borders, so that it repeats without a seam."""
    fade = round(_FADE_UM / um)
    n = side_of(um)
    world = _world(1, seed, 64.0, 0.0)
    world.glands = ()
    haematoxylin, eosin = _painted(world, n + fade, um)
    weight = np.linspace(0, 1, fade, dtype=np.float32)
    for plane in (haematoxylin, eosin):
        plane[:fade] = weight[:, None] * plane[:fade] + (1 - weight[:, None]) * plane[n:]
        plane[:, :fade] = weight * plane[:, :fade] + (1 - weight) * plane[:, n:]
    return _encoded(haematoxylin[:n, :n], eosin[:n, :n])


@lru_cache(maxsize=8)
def _sheet(grade: int, um: float, seed: int) -> Sheet:
    """Glands that would be cut by the border of the sheet are left out."""
    n = side_of(um)
    world = _world(grade, seed, SIDE_UM, 9.0 if grade else -9.0)
    axis = (np.arange(n, dtype=np.float64) + 0.5) * um
    section = trace(world, axis, axis)
    haematoxylin, eosin, noise = paint(world, section)
    mine = np.array([False, *(gland.kind.grade == grade for gland in world.glands)])
    for border in (section.owner[0], section.owner[-1], section.owner[:, 0], section.owner[:, -1]):
        mine[border] = False
    mine[0] = False
    numbers = np.cumsum(mine) * mine
    owner = numbers[section.owner]
    inside = (section.inside > 0) & (owner > 0)
    beyond, nearest = ndimage.distance_transform_edt(owner == 0, return_indices=True)
    reach = owner[tuple(nearest)] * (beyond * um < _RIM_UM)
    # A gland that others cover has no place of its own: no tissue is deep enough for it.
    nowhere = (slice(0, 2**24),) * 2
    boxes = [box or nowhere for box in ndimage.find_objects(owner)]
    middles = [[(s.start + s.stop) / 2 for s in box] for box in boxes]
    sizes = [max(s.stop - s.start for s in box) / 2 for box in boxes]
    return Sheet(
        grade=grade,
        codes=_encoded(haematoxylin, eosin + noise * np.float32(0.006)),
        owner=reach.astype(np.int16),
        inside=inside,
        centres=np.array([[0, 0], *middles], np.float32),
        radii=np.array([0, *sizes], np.float32),
    )


def _painted(world: World, n: int, um: float) -> tuple[Plane, Plane]:
    axis = (np.arange(n, dtype=np.float64) + 0.5) * um
    haematoxylin, eosin, noise = paint(world, trace(world, axis, axis))
    return haematoxylin, eosin + noise * np.float32(0.006)


def _encoded(haematoxylin: Plane, eosin: Plane) -> Codes:
    h, e = (
        np.clip(plane * (255 / _DENSEST) + 0.5, 0, 255).astype(np.uint16)
        for plane in (haematoxylin, eosin)
    )
    codes: Codes = (h << 8) | e
    return codes
