"""Where candidates may lie: a mask on a grid of its own, in the space of the patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inklings.geometry import Geometry, Region
from inklings.registry import Registry

Bools = NDArray[np.bool_]

_GRID_MM = 3.0


@dataclass(frozen=True)
class SearchRegion:
    """A part of the patient, coarsely.

    Attributes:
        mask: ``(z, y, x)`` bool, True somewhere.
        geometry: Its grid, whose axes are those of the volume.
        found: Whether what defines the region was found; otherwise it is the whole volume.
    """

    mask: Bools
    geometry: Geometry
    found: bool = True

    def holds(self, points_mm: ArrayLike) -> Bools:
        """Whether each of ``(n, 3)`` points ``(x, y, z)`` lies in the region."""
        points = np.asarray(points_mm, float).reshape(-1, 3)
        index = np.rint(self.geometry.to_indices(points)).astype(int)
        inside = ((index >= 0) & (index < self.mask.shape)).all(1)
        index = np.clip(index, 0, np.array(self.mask.shape) - 1)
        kept: Bools = inside & self.mask[tuple(index.T)]
        return kept

    def box(self, grid: Geometry, margin: float) -> Region:
        """The box of the region on another grid of the same axes, and ``margin`` voxels more."""
        places = np.argwhere(self.mask)
        ends = np.stack([places.min(0) - 0.5, places.max(0) + 0.5])
        ends = grid.to_indices(self.geometry.to_points(ends))
        start = np.clip(np.floor(ends.min(0) - margin), 0, None).astype(int)
        stop = np.minimum(np.ceil(ends.max(0) + margin) + 1, grid.shape).astype(int)
        return Region(tuple(start.tolist()), tuple((stop - start).tolist()))


FindRegion = Callable[[NDArray[Any], Geometry], SearchRegion]
"""From a volume ``(z, y, x)`` and its grid to where candidates may lie."""

REGIONS: Registry[FindRegion] = Registry(
    "search region",
    {
        "everywhere": "inklings.detection.region:Everywhere",
        "lungs": "inklings.applications.lung_nodules.lungs:LungRegion",
    },
)


class Everywhere:
    """The whole volume."""

    def __call__(self, values: NDArray[Any], geometry: Geometry) -> SearchRegion:  # noqa: ARG002
        """All of the grid, coarsely."""
        grid, _ = coarse_grid(geometry)
        return SearchRegion(np.ones(grid.shape, bool), grid)


def coarse_grid(geometry: Geometry, mm: float = _GRID_MM) -> tuple[Geometry, list[int]]:
    """The grid of blocks of about ``mm``, and how many voxels ``(z, y, x)`` a block has."""
    spacing = geometry.require_spacing()
    steps = [max(1, round(mm / one)) for one in spacing]
    shape = tuple(-(-n // step) for n, step in zip(geometry.shape, steps, strict=True))
    there = tuple(one * step for one, step in zip(spacing, steps, strict=True))
    origin = geometry.to_points([(step - 1) / 2 for step in steps])
    return replace(geometry, shape=shape, spacing=there, origin=tuple(origin.tolist())), steps
