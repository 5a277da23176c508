"""What a detector shall answer on a crop: heat at the centres, offsets and sizes inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.applications.lung_nodules.scans import SPACING_MM, STRIDE

CHANNELS = ("nodule", "offset_z", "offset_y", "offset_x", "log_diameter")
REFERENCE_MM = 8.0
_CORE = 1 / 6  # width of the heat as a share of the diameter
_NARROWEST = 0.75


@dataclass(frozen=True)
class Truth:
    """One annotated nodule on the grid of a `inklings.applications.lung_nodules.scans.Scan`.

    Attributes:
        place: ``(z, y, x)`` index, fractional.
        diameter_mm: As annotated.
        malignant: None where nobody said.
    """

    place: tuple[float, float, float]
    diameter_mm: float
    malignant: bool | None = None


def to_output(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Index of the input to index of the output, whose samples are two apart."""
    return (place - (STRIDE - 1) / 2) / STRIDE


def to_input(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of `to_output`."""
    return place * STRIDE + (STRIDE - 1) / 2


def targets(
    nodules: Sequence[Truth], start: Sequence[int], side: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Value ``(5, g, g, g)`` and known ``(1, g, g, g)`` of a crop, ``g = side / 2``.

    Args:
        nodules: Of the whole scan.
        start: First sample of the crop.
        side: Of the crop, in samples.
    """
    grid = side // STRIDE
    value = np.zeros((5, grid, grid, grid), np.float32)
    known = np.zeros((1, grid, grid, grid), bool)
    axis = np.arange(grid)
    for nodule in nodules:
        centre = to_output(np.asarray(nodule.place) - np.asarray(start))
        if (centre < -4).any() or (centre > grid + 4).any():
            continue
        across = nodule.diameter_mm / SPACING_MM / STRIDE
        steps = [centre[a] - axis for a in range(3)]
        squares = steps[0][:, None, None] ** 2 + steps[1][:, None] ** 2 + steps[2] ** 2
        sigma = max(_NARROWEST, across * _CORE)
        heat = np.exp(-squares / (2 * sigma**2))
        nearest = np.rint(centre).astype(int)
        if ((nearest >= 0) & (nearest < grid)).all():
            heat[tuple(nearest)] = 1
        value[0] = np.maximum(value[0], heat)
        inside = squares <= max(1.0, (across / 4) ** 2)
        known[0] |= inside
        value[4][inside] = np.log(nodule.diameter_mm / REFERENCE_MM)
        for a in range(3):
            shape = [grid if b == a else 1 for b in range(3)]
            value[1 + a][inside] = np.broadcast_to(steps[a].reshape(shape), squares.shape)[inside]
    return value, known
