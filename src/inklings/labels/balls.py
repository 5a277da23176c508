"""Balls of the patient on a grid, whose axes need not be at right angles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.geometry import Geometry
from inklings.labels.kinds import BallLabel, Label

POINT_DIAMETER = 5.0
"""Samples across the disc that stands for a point whose diameter was not measured."""


@dataclass(frozen=True, slots=True)
class Oval:
    """A ball of the patient on a grid: ``point`` and ``radii`` in samples, in array order.

    Where axes lean, ``steps`` are those to the next samples, as rows in units of the radius.
    """

    name: str
    point: tuple[float, ...]
    radii: tuple[float, ...]
    steps: tuple[tuple[float, ...], ...] | None = None

    def holds(self, where: tuple[slice, ...]) -> NDArray[np.bool_]:
        """Which samples of a window lie inside; where axes lean."""
        axes = (np.arange(s.start, s.stop) for s in where)
        index = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
        away = (index - np.asarray(self.point)) @ np.asarray(self.steps)
        inside: NDArray[np.bool_] = np.linalg.norm(away, axis=-1) <= 1
        return inside


def on_grid(label: Label, geometry: Geometry) -> Label | Oval:
    """A ball in samples of ``geometry``; other labels as they are.

    Raises:
        GeometryError: If a ball lies on an image without a spacing.
    """
    if not isinstance(label, BallLabel):
        return label
    geometry.require_spacing()
    point = tuple(geometry.to_indices(label.centre_mm).tolist())
    if label.diameter_mm is None:
        return Oval(label.name, point, (POINT_DIAMETER / 2,) * len(point))
    radius, steps = label.diameter_mm / 2, None
    if geometry.leans:
        steps = tuple(tuple(row) for row in (geometry.steps / radius).tolist())
    return Oval(label.name, point, geometry.radii(radius), steps)
