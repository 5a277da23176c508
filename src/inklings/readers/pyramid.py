"""A slide: one picture stored at several sizes, read region by region on any coarser grid.

Sample ``i`` of a view of factor ``f`` covers the pixels ``i * f`` to ``(i + 1) * f`` of level 0, so
the outer edge of the first pixel is the same point in every view. Which level a region comes from
is an implementation matter: the coarsest that is at least as fine as the view.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from inklings.errors import GeometryError
from inklings.geometry import Geometry, Region
from inklings.readers.image import Image, NothingToClose
from inklings.readers.notes import Note
from inklings.readers.resample import Pair, Whole, averaged, needed, picked
from inklings.readers.resolution import HOW, Resolution

_AT_ONCE = 16_000_000
"""Pixels of a level that are decoded together; larger regions are read in parts."""


class Levels(Protocol):
    """The file behind a pyramid: small, picklable, holding no file open."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def shapes(self) -> tuple[Whole, ...]:
        """``(h, w)`` of each level, the finest first."""

    @property
    def whole(self) -> bool:
        """Whether levels are level 0 over a whole number, less what is left over.

        Scanners make them so; a writer that resizes makes the ratio of the sizes.
        """

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the planes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples."""

    def read(self, level: int, start: Whole, size: Whole) -> NDArray[Any]:
        """Pixels ``(h, w, C)`` of a box that lies within the level.

        Raises:
            ReaderError: If they cannot be decoded.
        """


@runtime_checkable
class Coloured(Protocol):
    """Levels whose numbers are turned into colours where they are looked at."""

    def stored(self) -> Levels:
        """The numbers as they lie in the file."""


@dataclass(frozen=True)
class Pyramid(NothingToClose):
    """A view of a slide on one grid; an `inklings.readers.image.Image`.

    Attributes:
        levels: The file.
        geometry: The grid of this view.
        resolution: How the spacing of level 0 came to be known, or why it is not.
        factor: Pixels of level 0 to a sample of this view, ``(y, x)``.
        codes: Whether samples are numbers of classes, which are picked and never averaged.
        notes: What the reader has to say.
        corner: Pixel of level 0 ``(y, x)`` from which programs count that show only what was
            scanned, as QuPath does; the first pixel where all of the slide was.
    """

    levels: Levels
    geometry: Geometry
    resolution: Resolution
    factor: Pair = (1.0, 1.0)
    codes: bool = False
    notes: tuple[Note, ...] = ()
    corner: Whole = (0, 0)

    @classmethod
    def of(cls, levels: Levels, resolution: Resolution) -> Pyramid:
        """Level 0 of a file."""
        geometry = _grid(levels, resolution.spacing_mm, (1.0, 1.0))
        return cls(levels, geometry, resolution)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the planes."""
        return self.levels.channels

    @property
    def downsamples(self) -> tuple[float, ...]:
        """How much coarser each level is than level 0."""
        return tuple(math.sqrt(y * x) for y, x in map(self._down, range(len(self.levels.shapes))))

    def spaced(self, spacing: float) -> Pyramid:
        """The same slide with pixels of level 0 of ``spacing`` mm, whatever the file says."""
        known = Resolution((spacing, spacing), f"{spacing * 1000:.4g} um a pixel, as given")
        geometry = _grid(self.levels, known.spacing_mm, self.factor)
        own = self.resolution.spacing_mm
        notes = self.notes
        if own is not None and abs(own[0] / spacing - 1) > 0.01:
            text = f"{spacing * 1000:.4g} um a pixel as given, overruling {self.resolution.remark}"
            notes = (*notes, Note("spacing", text))
        return replace(self, resolution=known, geometry=geometry, notes=notes)

    def at(self, spacing: float) -> Pyramid:
        """A view in samples of ``spacing`` mm.

        Raises:
            GeometryError: If the size of a pixel is not known.
        """
        finest = self.resolution.spacing_mm
        if finest is None:
            raise GeometryError(
                f"cannot view {self.levels.path.name} in samples of {spacing * 1000:g} um: "
                f"{self.resolution.remark}; {HOW}"
            )
        return self._view((spacing / finest[0], spacing / finest[1]))

    def shrunk(self, factor: float) -> Pyramid:
        """A view in samples of ``factor`` pixels of level 0; needs no known spacing."""
        return self._view((float(factor), float(factor)))

    def as_codes(self) -> Pyramid:
        """The same grid with samples picked instead of averaged: for masks of classes."""
        levels = self.levels.stored() if isinstance(self.levels, Coloured) else self.levels
        return replace(self, levels=levels, codes=True)

    def over(self, geometry: Geometry) -> Pyramid:
        """This file on the grid of another of the same extent: a mask on a view of its slide."""
        shape = (geometry.shape[0], geometry.shape[1])
        return replace(self, geometry=geometry, factor=factor_between(self.levels.shapes[0], shape))

    def read(self, region: Region) -> NDArray[Any]:
        """Samples of one region of this view, ``(C, h, w)``; beyond the border slides are white.

        Raises:
            ReaderError: If they cannot be decoded.
        """
        start = (max(0, region.start[0]), max(0, region.start[1]))
        stop = [min(b, n) for b, n in zip(region.stop, self.geometry.shape, strict=True)]
        size = (stop[0] - start[0], stop[1] - start[1])
        if size == region.size:
            return np.moveaxis(self._inside(start, size), -1, 0)
        canvas = np.full((*region.size, len(self.channels)), self._blank(), self.levels.dtype)
        if min(size) > 0:
            at = [a - b for a, b in zip(start, region.start, strict=True)]
            canvas[at[0] : at[0] + size[0], at[1] : at[1] + size[1]] = self._inside(start, size)
        return np.moveaxis(canvas, -1, 0)

    def thumbnail(self, most: int) -> NDArray[Any]:
        """The whole slide ``(C, h, w)``, the longer side ``most`` samples or fewer."""
        small = self.shrunk(max(1.0, max(self.levels.shapes[0]) / most))
        return small.read(small.geometry.full)

    def _view(self, factor: Pair) -> Pyramid:
        geometry = _grid(self.levels, self.resolution.spacing_mm, factor)
        return replace(self, geometry=geometry, factor=factor)

    def _down(self, level: int) -> Pair:
        return downsample(self.levels.shapes, level, self.levels.whole)

    def _blank(self) -> int:
        """White where there are colours, nothing elsewhere."""
        colour = self.channels == ("R", "G", "B") and self.levels.dtype == np.uint8
        return 255 if colour and not self.codes else 0

    def _inside(self, start: Whole, size: Whole) -> NDArray[Any]:
        """``(h, w, C)`` of a box within the grid."""
        level = self._level()
        down = self._down(level)
        step = (self.factor[0] / down[0], self.factor[1] / down[1])
        low, high = needed(start, size, step, margin=not self.codes)
        area = (high[0] - low[0]) * (high[1] - low[1])
        if area > _AT_ONCE and max(size) > 1:
            return self._in_parts(start, size)
        block = self._padded(level, low, high)
        return (picked if self.codes else averaged)(block, low, start, size, step)

    def _in_parts(self, start: Whole, size: Whole) -> NDArray[Any]:
        axis = int(size[1] >= size[0])
        half = size[axis] // 2
        first, second, later = list(size), list(size), list(start)
        first[axis], second[axis], later[axis] = half, size[axis] - half, start[axis] + half
        parts = (
            self._inside(start, (first[0], first[1])),
            self._inside((later[0], later[1]), (second[0], second[1])),
        )
        return np.concatenate(parts, axis=axis)

    def _level(self) -> int:
        """The coarsest level that is not coarser than this view."""
        fits = [
            level
            for level in range(len(self.levels.shapes))
            if all(d <= f * 1.005 for d, f in zip(self._down(level), self.factor, strict=True))
        ]
        return fits[-1] if fits else 0

    def _padded(self, level: int, low: Whole, high: Whole) -> NDArray[Any]:
        """``(h, w, C)`` of a box that may leave the level by a little; the border is repeated."""
        shape = self.levels.shapes[level]
        a = [min(max(0, v), n - 1) for v, n in zip(low, shape, strict=True)]
        b = [min(max(v, c + 1), n) for v, c, n in zip(high, a, shape, strict=True)]
        block = self.levels.read(level, (a[0], a[1]), (b[0] - a[0], b[1] - a[1]))
        around = [(p - v, w - q) for v, p, q, w in zip(low, a, b, high, strict=True)]
        if any(any(pair) for pair in around):
            block = np.pad(block, [*((max(0, p), max(0, q)) for p, q in around), (0, 0)], "edge")
        return block


def downsample(shapes: Sequence[Whole], level: int, whole: bool) -> Pair:
    """How much coarser ``level`` is than level 0, ``(y, x)``.

    Where the writer divides by a ``whole`` number and drops the odd pixel, the ratio of the sizes
    is slightly off, by up to a pixel at the far end.
    """
    ratios = [n / m for n, m in zip(shapes[0], shapes[level], strict=True)]
    factor = round(math.sqrt(ratios[0] * ratios[1]))
    left_over = [abs(n - factor * m) for n, m in zip(shapes[0], shapes[level], strict=True)]
    exact = (float(factor), float(factor))
    return exact if whole and max(left_over) < factor else (ratios[0], ratios[1])


def corner_of(image: Image) -> Whole:
    """The pixel of level 0 from which programs count that show only what was scanned."""
    return image.corner if isinstance(image, Pyramid) else (0, 0)


def factor_between(finer: Whole, coarser: Whole) -> Pair:
    """Samples of one grid to a sample of another of the same extent, ``(y, x)``.

    Sizes are rounded, so many factors would do: a whole one (or one over a whole one) is meant
    where it is among them, else the ratio of the sizes.
    """
    ratios = [n / m for n, m in zip(finer, coarser, strict=True)]
    ratio = math.sqrt(ratios[0] * ratios[1])
    simple = float(round(ratio)) if ratio >= 1 else 1 / round(1 / ratio)
    small, large = (finer, coarser) if ratio < 1 else (coarser, finer)
    step = simple if ratio >= 1 else 1 / simple
    fits = all(abs(n / step - m) < 1 for n, m in zip(large, small, strict=True))
    return (simple, simple) if fits else (ratios[0], ratios[1])


def _grid(levels: Levels, spacing: Pair | None, factor: Pair) -> Geometry:
    shape = tuple(max(1, round(n / f)) for n, f in zip(levels.shapes[0], factor, strict=True))
    name = levels.path.name
    if spacing is None:
        return Geometry(shape, frame=name)
    mm = (spacing[0] * factor[0], spacing[1] * factor[1])
    return Geometry(shape, mm, (mm[1] / 2, mm[0] / 2), frame=name)
