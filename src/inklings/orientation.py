"""Which way the axes of a volume run in the patient, and the turn that brings them to an order.

An orientation is three letters that say where the x, y and z index axes run to: L or R, P or A, S
or I. ``LPS`` is an axial volume as DICOM has it, with planes that count from the feet to the head;
``PSL`` one of sagittal planes, ``LSP`` one of coronal planes. The axes of an oblique volume are
called by the axes of the patient that they are nearest to.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.geometry import Geometry, Region

CANONICAL = "LPS"
"""What volumes are learnt and predicted in."""
AS_STORED = "stored"
"""The rule of a run whose volumes do not say how they lie."""
_ACROSS = (CANONICAL, "LSP", "PSL")  # planes that follow each other to S, to P, to L
_LETTERS = ("RL", "AP", "IS")
_TIE = 1e-5
_COARSER = 2.0  # times: then planes were taken across that axis


@dataclass(frozen=True)
class Turn:
    """Axes exchanged and reversed; no sample changes.

    Attributes:
        shape: Of the grid that is turned, ``(z, y, x)``.
        order: Which of its axes each axis of the result is.
        flips: Which axes of the result count the other way.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    flips: tuple[bool, ...]

    @property
    def is_none(self) -> bool:
        """Whether nothing moves."""
        return self.order == (0, 1, 2) and not any(self.flips)

    def view(self, array: NDArray[Any]) -> NDArray[Any]:
        """The last three axes of ``array (..., *shape)``, turned; nothing is copied."""
        lead = array.ndim - 3
        moved = array.transpose(*range(lead), *(lead + axis for axis in self.order))
        turned: NDArray[Any] = moved[self._counted]
        return turned

    @property
    def _counted(self) -> Any:
        """Index that reverses the axes that count the other way."""
        return (..., *(slice(None, None, -1 if flipped else 1) for flipped in self.flips))

    def __call__(self, array: NDArray[Any]) -> NDArray[Any]:
        """As `view`, in an array of its own; the array itself where nothing moves."""
        return array if self.is_none else np.ascontiguousarray(self.view(array))

    def back(self, array: NDArray[Any]) -> NDArray[Any]:
        """What lies on the turned grid, ``(..., *turned shape)``, on the grid that it came from."""
        if self.is_none:
            return array
        lead = array.ndim - 3
        moved = array[self._counted]
        place = np.argsort(self.order)
        moved = moved.transpose(*range(lead), *(lead + int(axis) for axis in place))
        return np.ascontiguousarray(moved)

    def back_region(self, region: Region) -> Region:
        """A box of the turned grid on the grid that it came from."""
        start, size = [0, 0, 0], [0, 0, 0]
        for axis, (source, flipped) in enumerate(zip(self.order, self.flips, strict=True)):
            first, count = region.start[axis], region.size[axis]
            start[source] = self.shape[source] - first - count if flipped else first
            size[source] = count
        return Region(tuple(start), tuple(size))

    def grid(self, geometry: Geometry) -> Geometry:
        """The turned grid; every sample stays where it lies."""
        if self.is_none:
            return geometry
        spacing = geometry.require_spacing()
        first = [0.0, 0.0, 0.0]
        columns = []
        for source, flipped in zip(self.order, self.flips, strict=True):
            first[source] = self.shape[source] - 1 if flipped else 0
            columns.append(geometry.axes[:, 2 - source] * (-1 if flipped else 1))
        direction = np.stack(columns[::-1], axis=1) + 0.0  # no negative zeros
        return replace(
            geometry,
            shape=tuple(self.shape[source] for source in self.order),
            spacing=tuple(spacing[source] for source in self.order),
            origin=tuple(geometry.to_points(first).tolist()),
            direction=tuple(tuple(row) for row in direction.tolist()),
        )


def orientation(geometry: Geometry) -> str:
    """The three letters of a volume; empty where its file does not say how it lies."""
    if not _is_known(geometry):
        return ""
    axes, place = geometry.axes, _nearest(geometry.axes)
    return "".join(_LETTERS[k][int(axes[k, j] > 0)] for j, k in enumerate(place))


def opposite(letter: str) -> str:
    """The other end of the axis that runs to a side: ``R`` of ``L``."""
    return next(pair.replace(letter, "") for pair in _LETTERS if letter in pair)


def oblique_degrees(geometry: Geometry) -> float:
    """Largest angle between an axis and the axis of the patient that it is called by."""
    if not _is_known(geometry):
        return 0.0
    axes = geometry.axes
    near = min(abs(float(axes[k, j])) for j, k in enumerate(_nearest(axes)))
    return math.degrees(math.acos(min(1.0, near)))


def turn_to(geometry: Geometry, code: str = CANONICAL) -> Turn:
    """The turn from a grid to an orientation; none for pictures, or where the file does not say.

    Args:
        geometry: The grid of a volume as it is stored.
        code: Three letters, or `AS_STORED`.
    """
    nothing = Turn(geometry.shape, (0, 1, 2), (False,) * 3)
    if code == AS_STORED or not _is_known(geometry):
        return nothing
    place = _nearest(geometry.axes)
    order, flips = [], []
    for letter in reversed(code):  # the last letter is that of the first axis of the array
        k = next(k for k, pair in enumerate(_LETTERS) if letter in pair)
        j = place.index(k)
        order.append(2 - j)
        flips.append(bool(geometry.axes[k, j] > 0) != (letter == _LETTERS[k][1]))
    return Turn(geometry.shape, tuple(order), tuple(flips))


def in_array_order(
    spacing_mm: float | tuple[float, ...], code: str | None
) -> float | tuple[float, ...]:
    """Millimetres along z, y and x of the patient as the array axes of an orientation have them."""
    if isinstance(spacing_mm, int | float) or code in (None, AS_STORED):
        return spacing_mm
    along = {
        letter: mm for pair, mm in zip(_LETTERS, spacing_mm[::-1], strict=True) for letter in pair
    }
    return tuple(along[letter] for letter in reversed(code or CANONICAL))


def across(geometries: Iterable[Geometry]) -> str:
    """The orientation in which volumes are learnt: the one that has their planes one by one.

    Planes are axial, unless samples lie at least twice as far apart along another axis of the
    patient: then volumes were taken as planes across that one. How files are stored does not
    count.

    Args:
        geometries: Of the volumes that are learnt from.
    """
    known = [turn_to(g).grid(g) for g in geometries if _is_known(g)]
    if not known:
        return AS_STORED
    mm = np.median([g.require_spacing() for g in known], axis=0)
    coarsest = int(mm.argmax())
    return _ACROSS[coarsest if mm[coarsest] >= _COARSER * mm[0] * (1 - _TIE) else 0]


def _is_known(geometry: Geometry) -> bool:
    return (
        len(geometry.shape) == 3 and geometry.direction is not None and geometry.spacing is not None
    )


def _nearest(axes: NDArray[np.float64]) -> tuple[int, ...]:
    """Axis of the patient that each of the x, y and z index axes is called by.

    Where two ways are equally near (45 degrees), the directions decide and not the order in which
    they are stored: so one volume has one canonical form, however its file was written.
    """

    def merit(place: tuple[int, ...]) -> tuple[Any, ...]:
        parts = [axes[k, j] for j, k in enumerate(place)]
        columns = [axes[:, place.index(k)] * np.sign(parts[place.index(k)]) for k in range(3)]
        near = round(float(np.square(parts).sum()) / _TIE)
        return near, *(round(float(v) / _TIE) for v in np.concatenate(columns))

    return max(itertools.permutations(range(3)), key=merit)
