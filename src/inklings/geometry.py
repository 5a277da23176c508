"""Where samples lie: the only module that turns indices into millimetres.

Indices are in array order, ``(z, y, x)`` or ``(y, x)``; points are DICOM patient
coordinates, ``(x, y, z)`` in mm, or slide coordinates, ``(x, y)`` in mm. A plain picture
whose file says nothing of its size has ``spacing=None``, and asking it for millimetres is
an error rather than a silent 1.0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inklings.errors import GeometryError

LEANING = 1e-4
"""Cosine of the angle between two axes from which they are not at right angles."""


@dataclass(frozen=True, slots=True)
class Region:
    """A box of samples, in the grid of the image it is read from."""

    start: tuple[int, ...]
    size: tuple[int, ...]

    @property
    def stop(self) -> tuple[int, ...]:
        """One past the last index of each axis."""
        return tuple(a + n for a, n in zip(self.start, self.size, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """The region as an index into an array of the same grid."""
        return tuple(slice(a, b) for a, b in zip(self.start, self.stop, strict=True))


@dataclass(frozen=True)
class Geometry:
    """The grid an image is sampled on.

    Attributes:
        shape: Samples along each axis, in array order.
        spacing: Millimetres between neighbouring samples, in array order; None where the
            file does not say.
        origin: Point of the centre of sample zero, ``(x, y[, z])`` in mm.
        direction: Unit vectors of the x, y[, z] index axes in physical space, as the
            columns of a matrix (row-major tuples); None for the identity.
        frame: Name of the physical space; points of two images may be compared only
            when it is the same (DICOM Frame of Reference UID).
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...] | None = None
    origin: tuple[float, ...] | None = None
    direction: tuple[tuple[float, ...], ...] | None = None
    frame: str = ""

    @property
    def full(self) -> Region:
        """The whole grid as a region."""
        return Region((0,) * len(self.shape), self.shape)

    def require_spacing(self) -> tuple[float, ...]:
        """The spacing in mm, array order.

        Raises:
            GeometryError: If the file did not say.
        """
        if self.spacing is None:
            raise GeometryError(
                f"expected a known pixel spacing for {self.frame or 'this image'}, but the file "
                "does not say one; give it when importing (--spacing-mm)"
            )
        return self.spacing

    @property
    def axes(self) -> NDArray[np.float64]:
        """Unit vectors of the x, y[, z] index axes in physical space, as columns."""
        return self._direction()

    @property
    def steps(self) -> NDArray[np.float64]:
        """Step in mm to the next sample along each array axis, as rows ``(x, y[, z])``."""
        mm = np.asarray(self.require_spacing(), float)
        steps: NDArray[np.float64] = mm[:, None] * self._direction().T[::-1]
        return steps

    @property
    def leans(self) -> bool:
        """Whether axes are not at right angles, as those of a CT with a tilted gantry."""
        axes = self._direction()
        return bool(np.abs(axes.T @ axes - np.eye(len(axes))).max() > LEANING)

    @property
    def cell_mm(self) -> float:
        """What one sample takes up: mm3 of a volume, mm2 of a picture; leaning axes take less.

        Raises:
            GeometryError: If the file did not say its spacing.
        """
        content = math.prod(self.require_spacing())
        return content * abs(float(np.linalg.det(self._direction()))) if self.leans else content

    def radii(self, mm: float) -> tuple[float, ...]:
        """Half the sides, in samples and array order, of the box around a ball of radius ``mm``."""
        if not self.leans:
            return tuple(mm / step for step in self.require_spacing())
        reach = np.linalg.norm(np.linalg.inv(self.steps), axis=0)
        return tuple((mm * reach).tolist())

    def apart(self, other: Geometry) -> float:
        """Largest distance in mm between a corner of this grid and the same corner of another.

        Raises:
            GeometryError: If one of them has no spacing.
        """
        ends = list(itertools.product(*((0, n - 1) for n in self.shape)))
        off = self.to_points(ends) - other.to_points(ends)
        return float(np.linalg.norm(off, axis=1).max())

    def at(self, spacing: float | Sequence[float]) -> Geometry:
        """The same physical extent on a grid of another spacing in mm.

        Args:
            spacing: Of every axis, or one for each in array order.
        """
        mine = self.require_spacing()
        new = (spacing,) * len(mine) if isinstance(spacing, int | float) else tuple(spacing)
        shape = tuple(
            max(1, round(n * mm / other))
            for n, mm, other in zip(self.shape, mine, new, strict=True)
        )
        shift = np.array([(other - mm) / 2 for mm, other in zip(mine, new, strict=True)][::-1])
        origin = self._origin() + self._direction() @ shift
        return replace(self, shape=shape, spacing=new, origin=tuple(origin.tolist()))

    def to_points(self, indices: ArrayLike) -> NDArray[np.float64]:
        """Indices ``(..., D)`` in array order to points ``(..., D)`` in mm, ``(x, y[, z])``."""
        scaled = np.asarray(indices, float) * np.asarray(self.require_spacing())
        points: NDArray[np.float64] = scaled[..., ::-1] @ self._direction().T + self._origin()
        return points

    def to_indices(self, points: ArrayLike) -> NDArray[np.float64]:
        """Points ``(..., D)`` in mm to fractional indices ``(..., D)`` in array order."""
        local = (np.asarray(points, float) - self._origin()) @ np.linalg.inv(self._direction()).T
        indices: NDArray[np.float64] = local[..., ::-1] / np.asarray(self.require_spacing())
        return indices

    def require_same_frame(self, other: Geometry) -> None:
        """Raise GeometryError unless points of both may be compared."""
        if self.frame != other.frame:
            raise GeometryError(
                f"cannot compare points of frame {self.frame!r} with frame {other.frame!r}; "
                "register the images first, or check that both come from the same study"
            )

    def _origin(self) -> NDArray[np.float64]:
        return np.zeros(len(self.shape)) if self.origin is None else np.asarray(self.origin)

    def _direction(self) -> NDArray[np.float64]:
        return np.eye(len(self.shape)) if self.direction is None else np.asarray(self.direction)
