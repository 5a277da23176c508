"""Space in which chests are drawn: axes in millimetres, waves, and signed distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F = np.float32
Field = NDArray[Any]
"""float32, ``(Z, Y, X)`` or what broadcasts to it."""
Window = tuple[slice, slice, slice]


class Waves:
    """A smooth random field in space: the same values on every grid.

    Attributes:
        wavelength: Millimetres between knots.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        wavelength: float,
        half: tuple[float, float, float] = (150.0, 190.0, 190.0),
    ) -> None:
        self.wavelength, self.half = wavelength, half
        shape = [int(2 * side / wavelength) + 4 for side in half]
        self._knots = (rng.standard_normal(shape) * 1.5).astype(F)

    def __call__(self, z: Field, y: Field, x: Field) -> Field:
        """Values on the grid of three open axes in mm, of standard deviation about one."""
        values = self._knots
        for axis, places in enumerate((z, y, x)):
            last = self._knots.shape[axis] - 2
            along = (np.ravel(places) + self.half[axis]) / self.wavelength + 1
            along = np.clip(along, 0, last)
            knot = np.floor(along).astype(int)
            t = (along - knot).astype(F)
            t = (t * t * (3 - 2 * t)).reshape([-1 if k == axis else 1 for k in range(3)])
            low = np.take(values, knot, axis)
            values = low + (np.take(values, knot + 1, axis) - low) * t
        return values


@dataclass(frozen=True)
class ChestGrid:
    """Samples of a rendering, in millimetres of the drawn patient.

    Attributes:
        shape: ``(Z, Y, X)``.
        spacing: mm, ``(z, y, x)``.
        origin: Of sample zero, ``(z, y, x)`` mm.
        raised: How far the patient lies above the middle of the scanner, mm.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    raised: float = 0.0

    @property
    def edge(self) -> float:
        """Width of a border, mm."""
        return self.spacing[1]

    def axes(self, window: Window | None = None) -> tuple[Field, Field, Field]:
        """Open axes ``(Z, 1, 1)``, ``(1, Y, 1)``, ``(1, 1, X)``, mm within the body."""
        shift = (0.0, self.raised, 0.0)
        lines = [
            (np.arange(n) * mm + start + up).astype(F)
            for n, mm, start, up in zip(self.shape, self.spacing, self.origin, shift, strict=True)
        ]
        if window is not None:
            lines = [line[part] for line, part in zip(lines, window, strict=True)]
        z, y, x = lines
        return z[:, None, None], y[None, :, None], x[None, None, :]

    def window(self, low: tuple[float, ...], high: tuple[float, ...]) -> Window:
        """Samples of a box given in mm within the body, ``(z, y, x)``; may be empty."""
        shift = (0.0, self.raised, 0.0)
        z, y, x = (
            slice(
                min(n, max(0, int((a - up - start) / mm))),
                max(0, min(n, int((b - up - start) / mm) + 2)),
            )
            for a, b, start, up, mm, n in zip(
                low, high, self.origin, shift, self.spacing, self.shape, strict=True
            )
        )
        return z, y, x


def oval(dx: Field, dy: Field, a: float, b: float) -> Field:
    """Distance along the ray from the middle to an ellipse, negative inside, mm."""
    radius = np.sqrt((dx / F(a)) ** 2 + (dy / F(b)) ** 2)
    distance: Field = np.sqrt(dx * dx + dy * dy) * (1 - 1 / np.maximum(radius, F(1e-3)))
    return distance


def inside(distance: Field, width: float) -> Field:
    """Share of a sample that lies inside, from the signed distance to the border in mm."""
    share: Field = np.clip(F(0.5) - distance * F(1 / width), 0, 1)
    return share


def blend(volume: Field, value: Field | float, share: Field) -> None:
    """Cover ``share`` of every sample of ``volume`` with ``value``, in place."""
    volume += (np.asarray(value, F) - volume) * share
