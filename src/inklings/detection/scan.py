"""A volume as a detector sees it: the box around the search region, in grey, on one grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.data import INTENSITIES
from inklings.data.intensity import Intensity
from inklings.detection.region import REGIONS, SearchRegion
from inklings.errors import DataError, SpecError
from inklings.geometry import Geometry
from inklings.orientation import turn_to
from inklings.readers.image import Image
from inklings.readers.volume import Volume
from inklings.sections import Component
from inklings.spec.detection import Detection

_RANGES = ("window", "percentiles")
_LOOKED_AT = 4_000_000  # voxels that percentiles are of, about


@dataclass(frozen=True)
class PreparedScan:
    """The searched part of one volume.

    Attributes:
        grey: ``(z, y, x)`` uint8 of the grey range.
        geometry: Its grid, with the same spacing on every axis.
        region: Where candidates may lie.
        voxels: Of the whole volume.
    """

    grey: NDArray[np.uint8]
    geometry: Geometry
    region: SearchRegion
    voxels: int


def to_grey(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """``low`` and less as 0, ``high`` and more as 255."""
    scaled = (values.astype(np.float32) - low) * (255 / (high - low))
    grey: NDArray[np.uint8] = np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
    return grey


def require_range(intensity: Component) -> Intensity:
    """What gives a grey range.

    Raises:
        SpecError: If this intensity does not.
    """
    if intensity.name not in _RANGES:
        raise SpecError(
            f"detection.intensity: expected {' or '.join(_RANGES)}, got {intensity.name}"
        )
    return INTENSITIES.build(intensity.name, intensity.options)


def grey_range(intensity: Component, values: NDArray[Any]) -> tuple[float, float]:
    """What becomes black and white in a volume."""
    step = max(1, round((values.size / _LOOKED_AT) ** (1 / 3)))
    centre, width = require_range(intensity).scale(values[None, ::step, ::step, ::step])
    middle, half = float(centre.ravel()[0]), float(width.ravel()[0])
    return middle - half, middle + half


def whole(image: Image) -> tuple[NDArray[Any], Geometry]:
    """All voxels of a volume, ``(z, y, x)``, and their grid, in the order of an axial one (LPS).

    Raises:
        DataError: If it is no single-channel volume with a known spacing.
    """
    shape = image.geometry.shape
    if len(shape) != 3 or len(image.channels) != 1:
        raise DataError(
            f"expected a scan (one volume), got {len(image.channels)} channels of {shape}; "
            "give the DICOM folder, the .mhd or the NIfTI file"
        )
    image.geometry.require_spacing()
    turn = turn_to(image.geometry)
    return turn(image.read(image.geometry.full)[0]), turn.grid(image.geometry)


def in_memory(values: NDArray[Any], geometry: Geometry) -> Volume:
    """A decoded volume as an image that has views on other grids."""
    return Volume(Path("memory"), geometry, ("values",), lambda a, b: values[None, a:b])


def prepare(
    values: NDArray[Any],
    geometry: Geometry,
    settings: Detection,
    region: SearchRegion | None = None,
) -> PreparedScan:
    """Find the search region and resample its box.

    Args:
        values: ``(z, y, x)``.
        geometry: Its grid.
        settings: Region, spacing and grey range.
        region: Where it is known already.

    Raises:
        DataError: If the region cannot be found in such a volume.
    """
    if region is None:
        asked = settings.region
        region = REGIONS.build(asked.name, asked.options)(values, geometry)
    view = in_memory(values, geometry).at(settings.spacing_mm)
    box = region.box(view.geometry, settings.margin_mm / settings.spacing_mm)
    grey = to_grey(view.read(box)[0], *grey_range(settings.intensity, values))
    origin = view.geometry.to_points(box.start)
    grid = replace(view.geometry, shape=box.size, origin=tuple(origin.tolist()))
    return PreparedScan(grey, grid, region, values.size)
