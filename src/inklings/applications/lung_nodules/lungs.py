"""Where the lungs are: a coarse hull that holds vessels, walls and nodules as well as air.

Candidates outside of it are no lung nodules: the table, the bowel, the clothes. The hull is drawn
at about 3 mm, for it need not be exact, only quick and complete.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from inklings.detection.region import SearchRegion, coarse_grid
from inklings.errors import DataError
from inklings.findings.depth import depth
from inklings.findings.measure import Contrast
from inklings.geometry import Geometry

Bools = NDArray[np.bool_]
NODULES = Contrast(background=-860.0, least=120.0, brightest=60.0)
"""Of nodules to the lung around them, in HU."""

_AIR_HU = -400
_CLOSE_MM = 12.0
_RIM_MM = 6.0
_TIGHT_MM = 1.5
_LEAST_ML = 200.0
_OUTSIDE_HU = -1500  # what lies beyond the field of view is coded below any tissue


@dataclass(frozen=True)
class Lungs:
    """The hull of both lungs.

    Attributes:
        hull: ``(z, y, x)`` bool on the coarse grid.
        geometry: That grid, in the same patient space as the scan.
        found: Whether lungs were found; otherwise the hull is the whole scan.
        tight: The hull with hardly a rim, for outlines that shall not leak into the wall; None
            where nobody will draw any.
    """

    hull: Bools
    geometry: Geometry
    found: bool = True
    tight: Bools | None = None

    @property
    def volume_ml(self) -> float:
        """Of the hull."""
        return float(self.hull.sum()) * self.geometry.cell_mm / 1000

    @property
    def region(self) -> SearchRegion:
        """Where candidates may lie."""
        return SearchRegion(self.hull, self.geometry, self.found)

    def holds(self, points: ArrayLike) -> Bools:
        """Whether each of ``(n, 3)`` points in mm lies in the hull."""
        return self.region.holds(points)

    def holds_tight(self, points: ArrayLike) -> Bools:
        """Whether each lies in the tight hull, where there is one."""
        hull = self.hull if self.tight is None else self.tight
        return SearchRegion(hull, self.geometry).holds(points)

    @cached_property
    def _ends(self) -> NDArray[np.float64]:
        """``(2, 3)``: the corners of the hull's box in mm."""
        places = np.argwhere(self.hull)
        return self.geometry.to_points(np.stack([places.min(0), places.max(0)]))

    def side(self, point_mm: tuple[float, float, float]) -> Literal["left", "right"]:
        """The lung in which a point lies, by the middle between the outermost walls."""
        return "left" if point_mm[0] > self._ends[:, 0].mean() else "right"

    def zone(self, point_mm: tuple[float, float, float]) -> Literal["upper", "middle", "lower"]:
        """The third of the height of the lungs in which a point lies."""
        ends = self._ends[:, 2]
        share = (point_mm[2] - ends.min()) / max(float(np.ptp(ends)), 1e-6)
        return "lower" if share < 1 / 3 else "middle" if share < 2 / 3 else "upper"


class LungRegion:
    """Candidates lie in the lungs (``region: lungs``)."""

    def __call__(self, values: NDArray[Any], geometry: Geometry) -> SearchRegion:
        """The hull; the whole scan where there are no lungs."""
        return lungs(values, geometry).region


def lungs(values: NDArray[Any], geometry: Geometry) -> Lungs:
    """The hull of the lungs in a CT.

    Air that is open to the sides of the image is outside of the body; of what remains, the
    largest pieces are the lungs. They are closed by 12 mm, so that vessels and whatever hangs on
    the pleura lie inside, and widened by 6 mm.

    Args:
        values: ``(z, y, x)`` in Hounsfield units.
        geometry: Its grid.

    Raises:
        DataError: If the samples cannot be Hounsfield units.
    """
    coarse, grid = _coarse(values, geometry)
    if coarse.min() >= -200:
        raise DataError(
            f"expected a chest CT in Hounsfield units (air near -1000), got samples of "
            f"{coarse.min():.0f} and above; give the CT itself, not an exported picture"
        )
    pieces = _lung_pieces(coarse, grid.cell_mm)
    if pieces is None:
        return Lungs(np.ones(coarse.shape, bool), grid, found=False)
    hull, tight = _closed(pieces, grid)
    return Lungs(hull, grid, True, tight)


def _coarse(values: NDArray[Any], geometry: Geometry) -> tuple[NDArray[np.float32], Geometry]:
    """Means over blocks of about 3 mm, and their grid; what does not fill a block is repeated."""
    grid, steps = coarse_grid(geometry)
    shape = grid.shape
    out = values
    for axis in (2, 1, 0):
        step, count = steps[axis], shape[axis]
        if step == 1:
            continue
        missing = count * step - out.shape[axis]
        if missing:
            last = np.take(out, [-1], axis)
            out = np.concatenate([out, *[last] * missing], axis)
        parts = [out[(slice(None),) * axis + (slice(k, None, step),)] for k in range(step)]
        total = parts[0].astype(np.float32)
        for part in parts[1:]:
            total += part
        out = total / step
    return out.astype(np.float32, copy=False), grid


def _lung_pieces(values: NDArray[np.float32], sample_mm3: float) -> Bools | None:
    """Air inside the body, the pieces of lung size; None if there are none."""
    air = (values < _AIR_HU) & (values > _OUTSIDE_HU)
    labels, _ = ndimage.label(air)
    sizes = np.bincount(labels.ravel()).astype(float) * sample_mm3 / 1000
    sizes[0] = 0
    outside = np.unique(np.concatenate([labels[:, [0, -1]].ravel(), labels[:, :, [0, -1]].ravel()]))
    # A gap beyond the round field of view is open to the sides as well.
    gap = ndimage.binary_dilation(values <= _OUTSIDE_HU) if (values <= _OUTSIDE_HU).any() else None
    if gap is not None:
        outside = np.union1d(outside, np.unique(labels[gap]))
    sizes[outside] = 0
    kept = [k for k in np.argsort(-sizes)[:3] if sizes[k] >= _LEAST_ML]
    return np.isin(labels, kept) if kept else None


def _closed(pieces: Bools, grid: Geometry) -> tuple[Bools, Bools]:
    """Closed by a ball, holes of each plane filled; with a wide rim and with a narrow one."""
    margin = [math.ceil(side) + 1 for side in grid.radii(_CLOSE_MM + _RIM_MM)]
    box = ndimage.find_objects(pieces.astype(np.uint8))[0]
    inner = np.pad(pieces[box], [(m, m) for m in margin])
    wide = depth(~inner, grid) <= _CLOSE_MM
    deep = depth(wide, grid)
    starts = [s.start - m for s, m in zip(box, margin, strict=True)]
    there = tuple(
        slice(max(0, a), min(n, a + side))
        for a, n, side in zip(starts, pieces.shape, deep.shape, strict=True)
    )
    here = tuple(slice(t.start - a, t.stop - a) for t, a in zip(there, starts, strict=True))
    hulls = []
    for rim in (_RIM_MM, _TIGHT_MM):
        hull = deep > _CLOSE_MM - rim
        for plane in hull:
            ndimage.binary_fill_holes(plane, output=plane)
        out = np.zeros(pieces.shape, bool)
        out[there] = hull[here]
        hulls.append(out)
    return hulls[0], hulls[1]
