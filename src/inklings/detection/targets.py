"""What a detector shall answer on a crop: heat at the centres, offsets and sizes inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.errors import LabelError
from inklings.geometry import Geometry
from inklings.labels.kinds import BallLabel
from inklings.spec.detection import Detection

MEASURED = ("offset_z", "offset_y", "offset_x", "log_diameter")
"""Channels beside the heat, which is called as the class."""
_CORE = 1 / 6  # width of the heat as a share of the diameter
_NARROWEST = 0.75


@dataclass(frozen=True)
class Truth:
    """One annotated object on the grid of a `inklings.detection.scan.PreparedScan`.

    Attributes:
        place: ``(z, y, x)`` index, fractional.
        diameter_mm: As annotated.
    """

    place: tuple[float, float, float]
    diameter_mm: float


def truths(balls: Sequence[BallLabel], scan: Geometry, settings: Detection) -> tuple[Truth, ...]:
    """Annotated objects on the grid of a scan.

    Args:
        balls: Of one class.
        scan: Grid that the indices shall count on.
        settings: Diameter of what nobody measured.

    Raises:
        LabelError: If the diameter of an object is not known.
    """
    found = []
    for ball in balls:
        mm = settings.default_mm if ball.diameter_mm is None else ball.diameter_mm
        if mm is None:
            raise LabelError(
                f"expected a diameter of each {ball.name}, got one without; measure it, or give "
                "detection.default_mm"
            )
        z, y, x = scan.to_indices(ball.centre_mm).tolist()
        found.append(Truth((z, y, x), mm))
    return tuple(found)


def to_output(place: NDArray[np.float64], stride: int) -> NDArray[np.float64]:
    """Index of the input to index of the output, whose voxels are ``stride`` apart."""
    return (place - (stride - 1) / 2) / stride


def to_input(place: NDArray[np.float64], stride: int) -> NDArray[np.float64]:
    """The inverse of `to_output`."""
    return place * stride + (stride - 1) / 2


def targets(
    objects: Sequence[Truth], settings: Detection
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Value ``(5, g, g, g)`` and known ``(1, g, g, g)`` of a crop, ``g = side / stride``.

    Args:
        objects: Their places on the grid of the crop.
        settings: Side, stride, spacing and reference.
    """
    grid = settings.side // settings.stride
    value = np.zeros((1 + len(MEASURED), grid, grid, grid), np.float32)
    known = np.zeros((1, grid, grid, grid), bool)
    axis = np.arange(grid)
    for one in objects:
        centre = to_output(np.asarray(one.place, float), settings.stride)
        if (centre < -4).any() or (centre > grid + 4).any():
            continue
        across = one.diameter_mm / settings.spacing_mm / settings.stride
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
        value[4][inside] = np.log(one.diameter_mm / settings.reference_mm)
        for a in range(3):
            shape = [grid if b == a else 1 for b in range(3)]
            value[1 + a][inside] = np.broadcast_to(steps[a].reshape(shape), squares.shape)[inside]
    return value, known
