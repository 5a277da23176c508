"""A chest CT as the networks see it: the box around the lungs, on one grid of 1.5 mm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.applications.lung_nodules.lungs import Lungs, lungs
from inklings.errors import DataError
from inklings.geometry import Geometry, Region
from inklings.orientation import turn_to
from inklings.readers.image import Image
from inklings.readers.volume import Volume

SPACING_MM = 1.5
STRIDE = 2
LOW_HU, HIGH_HU = -1000.0, 400.0
_MARGIN_MM = 12.0


@dataclass(frozen=True)
class Scan:
    """The lungs of one CT.

    Attributes:
        grey: ``(z, y, x)`` uint8; 0 is -1000 HU and less, 255 is 400 HU and more.
        geometry: Its grid, 1.5 mm on every axis.
        lungs: The hull.
        voxels: Samples of the whole CT.
    """

    grey: NDArray[np.uint8]
    geometry: Geometry
    lungs: Lungs
    voxels: int


def to_grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Hounsfield units as the networks see them, in steps of 5.5 HU."""
    scaled = (values.astype(np.float32) - LOW_HU) * (255 / (HIGH_HU - LOW_HU))
    grey: NDArray[np.uint8] = np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
    return grey


def whole(image: Image) -> tuple[NDArray[Any], Geometry]:
    """All samples of a CT, ``(z, y, x)``, and their grid, in the order of an axial one (LPS).

    Raises:
        DataError: If it is no single-channel volume with a known spacing.
    """
    shape = image.geometry.shape
    if len(shape) != 3 or len(image.channels) != 1:
        raise DataError(
            f"expected a chest CT (one volume), got {len(image.channels)} channels of {shape}; "
            "give the DICOM folder, the .mhd or the NIfTI file"
        )
    image.geometry.require_spacing()
    turn = turn_to(image.geometry)
    return turn(image.read(image.geometry.full)[0]), turn.grid(image.geometry)


def in_memory(values: NDArray[Any], geometry: Geometry) -> Volume:
    """A decoded CT as an image that has views on other grids."""
    return Volume(Path("memory"), geometry, ("HU",), lambda a, b: values[None, a:b])


def prepare(values: NDArray[Any], geometry: Geometry) -> Scan:
    """Find the lungs and resample their box.

    Args:
        values: ``(z, y, x)`` in Hounsfield units.
        geometry: Its grid.

    Raises:
        DataError: If these are no Hounsfield units.
    """
    found = lungs(values, geometry)
    view = in_memory(values, geometry).at(SPACING_MM)
    region = _box(found, view.geometry)
    grey = to_grey(view.read(region)[0])
    origin = view.geometry.to_points(region.start)
    grid = replace(view.geometry, shape=region.size, origin=tuple(origin.tolist()))
    return Scan(grey, grid, found, values.size)


def _box(found: Lungs, grid: Geometry) -> Region:
    """The box of the hull and some more, on another grid of the same axes."""
    places = np.argwhere(found.hull)
    ends = np.stack([places.min(0) - 0.5, places.max(0) + 0.5])
    ends = grid.to_indices(found.geometry.to_points(ends))
    margin = _MARGIN_MM / SPACING_MM
    start = np.clip(np.floor(ends.min(0) - margin), 0, None).astype(int)
    stop = np.minimum(np.ceil(ends.max(0) + margin) + 1, grid.shape).astype(int)
    return Region(tuple(start.tolist()), tuple((stop - start).tolist()))
