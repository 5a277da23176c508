"""How large an object is: its voxels in the volume as it was taken, from a centre and a guess."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.findings.depth import depth
from inklings.geometry import Geometry, Region
from inklings.orientation import Turn

Bools = NDArray[np.bool_]

_REACH = 1.0  # radius that is looked at, as a share of the guessed diameter
_MARGIN_MM = 4.0
_OPEN = 0.45  # what is cut off is thinner than this share of the thickest part
_RANGE = (0.7, 1.45)  # of the measured over the guessed diameter; else it holds wall or vessel


@dataclass(frozen=True)
class Contrast:
    """Of bright objects to what lies around them.

    Attributes:
        background: Value of what lies around.
        least: Difference to it below which no outline is drawn.
        brightest: Brighter objects count as this, so that calcium does not narrow their outline.
    """

    background: float
    least: float
    brightest: float = math.inf


@dataclass(frozen=True)
class Measured:
    """The voxels of one object.

    Attributes:
        mask: ``(*region.size)`` bool.
        region: Where it lies in the volume.
        volume_mm3: Of the mask.
        diameter_mm: Of the ball of that volume.
        grown: False where no outline was found and the mask is the guessed ball.
    """

    mask: Bools
    region: Region
    volume_mm3: float
    diameter_mm: float
    grown: bool

    def on(self, turn: Turn) -> tuple[Region, Bools]:
        """Region and mask on the grid of the file, which ``turn`` brought to the one here."""
        return turn.back_region(self.region), turn.back(self.mask)


def measure(
    values: NDArray[Any],
    geometry: Geometry,
    point_mm: tuple[float, float, float],
    guess_mm: float,
    contrast: Contrast,
    holds: Callable[[NDArray[np.float64]], Bools] | None = None,
) -> Measured:
    """Outline one object at half of its contrast.

    Voxels above the middle between background and object, connected to the centre, near it and
    where an outline may be; what is thinner than the object (vessels, walls) is cut off by an
    opening.

    Args:
        values: The whole volume, ``(z, y, x)``.
        geometry: Its grid.
        point_mm: A place inside the object, ``(x, y, z)``.
        guess_mm: Its diameter, roughly.
        contrast: Of the objects.
        holds: Whether each of ``(n, 3)`` points in mm may be part of an outline; all may, if None.
    """
    spacing = geometry.require_spacing()
    reach = _REACH * guess_mm + _MARGIN_MM
    region = _around(geometry, point_mm, reach)
    part = values[region.slices].astype(np.float32)
    points, away = _distances(geometry, region, point_mm)
    near = away <= reach
    if holds is not None:
        near &= holds(points).reshape(part.shape)
    soft = ndimage.gaussian_filter(part, [0.6 / mm for mm in spacing])
    core = soft[away <= max(0.3 * guess_mm, 0.6 * max(spacing))]
    guessed = away <= guess_mm / 2
    level = float(np.percentile(core, 60)) if core.size else contrast.background
    if level - contrast.background < contrast.least:
        return _made(guessed, region, geometry, False)
    half = (min(level, contrast.brightest) + contrast.background) / 2
    mask = _outlined((soft > half) & near, away, geometry)
    if mask is None:
        return _made(guessed, region, geometry, False)
    found = _made(mask, region, geometry, True)
    if not _RANGE[0] <= found.diameter_mm / guess_mm <= _RANGE[1]:
        return _made(guessed, region, geometry, False)
    return found


def ball(geometry: Geometry, point_mm: tuple[float, float, float], diameter_mm: float) -> Measured:
    """The voxels of an object of which only place and diameter are known."""
    region = _around(geometry, point_mm, diameter_mm / 2)
    _, away = _distances(geometry, region, point_mm)
    return _made(away <= diameter_mm / 2, region, geometry, False)


def _distances(
    geometry: Geometry, region: Region, point_mm: tuple[float, float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points ``(n, 3)`` of a region, and how far ``(*region.size)`` each is from a place, in mm."""
    index = np.indices(region.size).reshape(3, -1).T + np.array(region.start)
    points = geometry.to_points(index)
    away = np.linalg.norm(points - np.asarray(point_mm), axis=1)
    return points, away.reshape(region.size)


def _outlined(inside: Bools, away: NDArray[np.float64], geometry: Geometry) -> Bools | None:
    """The thick part of ``inside`` that holds the centre; None where there is none."""
    deep = depth(np.pad(inside, 1), geometry)[1:-1, 1:-1, 1:-1]
    close = away <= max(3.0, 1.5 * max(geometry.require_spacing()))
    thickest = float(deep[close].max(initial=0.0))
    if thickest <= 0:
        return None
    cut = _OPEN * thickest
    labels, _ = ndimage.label(deep >= cut)
    here = labels[close & (deep == thickest)]
    thick = labels == here[here > 0][0] if (here > 0).any() else deep >= cut
    grown = depth(~thick, geometry) <= cut
    mask: Bools = grown & inside
    return mask if mask.any() else None


def _around(geometry: Geometry, point: tuple[float, float, float], reach: float) -> Region:
    middle = geometry.to_indices(point)
    steps = np.array(geometry.radii(reach))
    start = np.clip(np.floor(middle - steps), 0, np.array(geometry.shape) - 1).astype(int)
    stop = np.clip(np.ceil(middle + steps) + 1, start + 1, geometry.shape).astype(int)
    return Region(tuple(start.tolist()), tuple((stop - start).tolist()))


def _made(mask: Bools, region: Region, geometry: Geometry, grown: bool) -> Measured:
    volume = max(1, int(mask.sum())) * geometry.cell_mm
    return Measured(mask, region, volume, 2 * (3 * volume / (4 * math.pi)) ** (1 / 3), grown)
