"""Volumes: grids of three axes, decoded by the plane and viewed on any other spacing.

The third axis of the array runs along x, the first across the planes; where they lie in the
patient is `Geometry`'s business, so axial, sagittal and oblique series are read alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from inklings.geometry import Geometry, Region
from inklings.readers.notes import Note

Planes = Callable[[int, int], NDArray[Any]]
"""First plane and one past the last to their samples, ``(C, n, Y, X)``."""


@dataclass
class Volume:
    """A volume on disk.

    Attributes:
        path: File or folder that it was opened from.
        geometry: Its grid.
        channels: ``("HU",)`` for CT, else what the file calls itself.
        planes: Decodes a run of planes.
        notes: What the reader has to say: tilted gantry, doubled slices.
        facts: Series description, echo, UIDs: what the file says of itself; no names of people.
        boxes: Decodes any box by itself, where the format can; else whole planes are decoded.
        also: Other grids that the file says its samples lie on (the qform of a NIfTI).
        step: Between neighbouring numbers that the file can hold, where they are rescaled to
            fractions; 0 where it can hold any.
        whole: Raises `ReaderError` unless the file is complete and its checksums are right; None
            where reading it says so.
    """

    path: Path
    geometry: Geometry
    channels: tuple[str, ...]
    planes: Planes
    notes: tuple[Note, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    boxes: Callable[[Region], NDArray[Any]] | None = field(default=None, repr=False, compare=False)
    also: tuple[Geometry, ...] = ()
    step: float = 0.0
    whole: Callable[[], None] | None = field(default=None, repr=False, compare=False)
    _kept: NDArray[Any] | None = field(default=None, repr=False, compare=False)

    def read(self, region: Region) -> NDArray[Any]:
        """Samples of one region, ``(C, *region.size)``.

        All planes that were read at once are kept until the volume is closed.

        Raises:
            ReaderError: If the file is damaged.
        """
        if self.boxes is not None:
            return self.boxes(region)
        z, y, x = region.slices
        if self._kept is None and region.size[0] == self.geometry.shape[0]:
            self._kept = self.planes(0, region.size[0])
        if self._kept is not None:
            return self._kept[:, z, y, x]
        return self.planes(z.start, z.stop)[:, :, y, x]

    def at(self, spacing: float | Sequence[float]) -> View:
        """A view in samples of ``spacing`` mm; ``(z, y, x)`` where the axes differ.

        Raises:
            GeometryError: If the file says no spacing.
        """
        there = self.geometry.at(spacing)
        return View(self, there, _factors(self.geometry, there))

    def shrunk(self, factor: float) -> View:
        """A view in samples that are ``factor`` times as far apart on every axis."""
        here = self.geometry
        if here.spacing is None:
            shape = tuple(max(1, round(n / factor)) for n in here.shape)
            return View(self, replace(here, shape=shape), (factor,) * len(shape))
        return self.at([mm * factor for mm in here.spacing])

    def spaced(self, spacing: float) -> Volume:
        """The same samples, ``spacing`` mm apart on every axis."""
        mm = (spacing,) * len(self.geometry.shape)
        return replace(self, geometry=replace(self.geometry, spacing=mm))

    def require_whole(self) -> None:
        """Read to the end what says whether the file is damaged; its samples are not kept.

        Raises:
            ReaderError: If it is truncated, or a checksum is wrong.
        """
        if self.whole is not None:
            self.whole()

    def as_codes(self) -> Codes:
        """The same samples as codes of classes, which no view may mix."""
        return Codes(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._kept = None


@dataclass(frozen=True)
class Codes:
    """A volume of codes; its views take the sample that is nearest."""

    volume: Volume

    def at(self, spacing: float | Sequence[float]) -> View:
        """A view in samples of ``spacing`` mm."""
        return replace(self.volume.at(spacing), nearest=True)


@dataclass(frozen=True)
class View:
    """A volume on another grid of the same axes, made region by region.

    Samples are weighted with a triangle as wide as the coarser of the two grids, on each axis by
    itself: linear where the view is finer, an average without aliases where it is coarser. What a
    sample becomes does not depend on the region it was asked for in.
    """

    volume: Volume
    geometry: Geometry
    factors: tuple[float, ...]
    nearest: bool = False

    @property
    def channels(self) -> tuple[str, ...]:
        """As the volume's."""
        return self.volume.channels

    @property
    def notes(self) -> tuple[Note, ...]:
        """As the volume's."""
        return self.volume.notes

    def at(self, spacing: float | Sequence[float]) -> View:
        """Another view of the volume itself."""
        return replace(self.volume.at(spacing), nearest=self.nearest)

    def shrunk(self, factor: float) -> View:
        """Another view of the volume itself."""
        return replace(self.volume.shrunk(factor), nearest=self.nearest)

    def spaced(self, spacing: float) -> View:
        """The same samples, said to be ``spacing`` mm apart."""
        mm = (spacing,) * len(self.geometry.shape)
        return replace(self, geometry=replace(self.geometry, spacing=mm))

    def read(self, region: Region) -> NDArray[Any]:
        """Samples of one region of this grid, ``(C, *region.size)``."""
        sides = self.volume.geometry.shape
        taps = [
            weights(start, size, factor, side, self.nearest)
            for start, size, factor, side in zip(
                region.start, region.size, self.factors, sides, strict=True
            )
        ]
        source = Region(tuple(low for low, _ in taps), tuple(matrix.shape[1] for _, matrix in taps))
        block = self.volume.read(source)
        if self.nearest:
            for axis, (_, matrix) in enumerate(taps, 1):
                block = np.take(block, matrix.argmax(1), axis)
            return block
        out = block.astype(np.float32)
        for axis in sorted(range(3), key=lambda a: self.factors[a], reverse=True):
            out = np.moveaxis(np.tensordot(taps[axis][1], out, (1, axis + 1)), 0, axis + 1)
        if np.issubdtype(block.dtype, np.integer):
            out = np.rint(out)
        same: NDArray[Any] = out.astype(block.dtype)
        return same

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.volume.__exit__(*error)


def weights(
    start: int, size: int, factor: float, side: int, nearest: bool = False
) -> tuple[int, NDArray[np.float32]]:
    """First sample of an axis that is needed, and the weights ``(size, needed)`` from there on.

    Args:
        start: First sample of the view.
        size: How many.
        factor: Samples of the axis for one of the view.
        side: Samples that the axis has; beyond it, the last one counts.
        nearest: All weight on one sample.
    """
    centres = (np.arange(start, start + size) + 0.5) * factor - 0.5
    reach = max(1.0, factor)
    low = int(np.clip(np.floor(centres[0] - reach), 0, side - 1))
    high = int(np.clip(np.ceil(centres[-1] + reach), low, side - 1)) + 1
    inside = np.clip(centres, 0, side - 1)
    places = np.arange(low, high)
    if nearest:
        chosen = np.clip(np.floor(centres + 0.5 + 1e-9), low, high - 1)
        return low, (places[None] == chosen[:, None]).astype(np.float32)
    matrix = np.maximum(0, 1 - np.abs(places[None] - inside[:, None]) / reach)
    return low, (matrix / matrix.sum(1, keepdims=True)).astype(np.float32)


def _factors(here: Geometry, there: Geometry) -> tuple[float, ...]:
    return tuple(
        b / a for a, b in zip(here.require_spacing(), there.require_spacing(), strict=True)
    )
