"""A slide of needle biopsies, decided by a seed and rendered block by block.

Curved cores of tissue, broken here and there, run along the slide; tumour of some Gleason patterns
lies in patches of them; the rest is glass, with strokes of a pen and the black of a scanner's edge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.simulation.phantoms.fields import Field, Plane
from inklings.simulation.phantoms.pens import drawn_pens
from inklings.simulation.phantoms.sheets import Library, colours, library, side_of
from inklings.simulation.phantoms.stains import STAINS

_CORE_UM = 720.0
_STEP_UM = 16.0
_PATTERNS: tuple[tuple[tuple[int, float], ...], ...] = (
    ((3, 1.0),),
    ((4, 0.3), (3, 0.7)),
    ((4, 0.65), (3, 0.35)),
    ((4, 1.0),),
    ((5, 0.45), (4, 0.55)),
)
Rgb = NDArray[np.uint8]


@dataclass(frozen=True)
class SlidePlan:
    """What is wanted of a slide; None is left to chance.

    Attributes:
        size: Pixels, ``(height, width)``.
        um: Size of a pixel.
        tissue: Share of the slide that cores cover, about.
        tumour: Share of the tissue in which tumour grows; 0 is a benign slide.
        pen: How many strokes.
        border: Whether the scanner left a black edge.
    """

    size: tuple[int, int] = (8000, 4000)
    um: float = 0.5
    tissue: float = 0.25
    tumour: float | None = None
    pen: int | None = None
    border: bool | None = None


@dataclass(frozen=True)
class _Core:
    """One core: its middle and half its width at each step along the slide, in um."""

    middle: NDArray[np.float64]
    half: NDArray[np.float64]


@dataclass
class Biopsy:
    """One slide; `render` and `codes` answer for any block of it.

    Attributes:
        seed: Decides everything that the plan leaves open.
        plan: Size and content.
        sheets_seed: Another number draws other sheets of tissue.
    """

    seed: int
    plan: SlidePlan
    sheets_seed: int = 0
    glass: tuple[int, int, int] = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([self.seed, 31])
        turn = int(rng.integers(8))
        stain = STAINS[rng.integers(len(STAINS))].varied(rng)
        self._colours = colours(stain)
        self.glass = tuple(int(v) for v in rng.integers(238, 249, 3))  # type: ignore[assignment]
        self._shift = rng.integers(0, side_of(self.plan.um), 2)
        self._extent = (self.plan.size[0] * self.plan.um, self.plan.size[1] * self.plan.um)
        self._tall = self._extent[0] >= self._extent[1]
        self._fields = {
            name: Field((self.seed, 32, i), um)
            for i, (name, um) in enumerate({"tumour": 420.0, "edge": 90.0, "rough": 22.0}.items())
        }
        self._cores = self._plan_cores(rng)
        self._levels = self._plan_tumour(rng)
        self._pens = drawn_pens(rng, self._extent, self.plan.pen)
        self._black = self._plan_border(rng)
        # Drawing takes seconds, so only what grows here is drawn.
        grades = sorted({0, *(grade for grade, _ in self._levels)})
        drawn = library(self.plan.um, self.sheets_seed, tuple(grades))
        self._sheets: Library = drawn.turned(turn)

    @property
    def has_tumour(self) -> bool:
        """Whether any was planned."""
        return bool(self._levels)

    def is_blank(self, start: tuple[int, int], size: tuple[int, int]) -> bool:
        """Whether a block is certainly nothing but glass."""
        low, high = self._box(start, size)
        if self._may_hold_tissue(low, high):
            return False
        if self._black is not None and not self._black_free(start, size):
            return False
        return not any(pen.meets(low, high) for pen in self._pens)

    def render(self, start: tuple[int, int], size: tuple[int, int]) -> tuple[Rgb, Rgb]:
        """Picture ``(h, w, 3)`` and codes ``(h, w)`` of a block of pixels.

        Codes are Radboud's: 0 glass, 1 stroma, 2 benign glands, 3 to 5 glands of that pattern;
        a gland is all within its outline.
        """
        rgb = np.empty((*size, 3), np.uint8)
        rgb[:] = self.glass
        codes = np.zeros(size, np.uint8)
        low, high = self._box(start, size)
        if self._may_hold_tissue(low, high):
            y, x = self._axes(start, size)
            depth = self._depth(y, x)
            self._lay(start, size, depth, rgb, codes)
        for pen in self._pens:
            if pen.meets(low, high):
                pen.stroke(rgb, *self._axes(start, size))
        if self._black is not None:
            rows, columns = self._black
            rgb[max(0, rows[0] - start[0]) : max(0, rows[1] - start[0])] = 0
            rgb[:, max(0, columns[0] - start[1]) : max(0, columns[1] - start[1])] = 0
        return rgb, codes

    def _lay(
        self,
        start: tuple[int, int],
        size: tuple[int, int],
        depth: Plane,
        rgb: Rgb,
        codes: Rgb,
    ) -> None:
        """Sheets over the glass, one repetition of them after the other."""
        side = self._sheets.side
        begin = [int(s + o) for s, o in zip(start, self._shift, strict=True)]
        for row in range(begin[0] // side, (begin[0] + size[0] - 1) // side + 1):
            for column in range(begin[1] // side, (begin[1] + size[1] - 1) // side + 1):
                corner = (row * side, column * side)
                a = [max(b, c) for b, c in zip(begin, corner, strict=True)]
                b = [min(p + n, c + side) for p, n, c in zip(begin, size, corner, strict=True)]
                here = tuple(slice(p - o, q - o) for p, q, o in zip(a, b, begin, strict=True))
                there = tuple(slice(p - c, q - c) for p, q, c in zip(a, b, corner, strict=True))
                if (depth[here] > 0).any():
                    self._lay_one(corner, there, depth[here], rgb[here], codes[here])

    def _lay_one(
        self, corner: tuple[int, int], there: Any, depth: Plane, rgb: Rgb, codes: Rgb
    ) -> None:
        tissue = depth > 0
        densities = self._sheets.stroma[there].copy()
        label = np.ones(densities.shape, np.uint8)
        for sheet in self._sheets.sheets:
            centre = sheet.centres + (np.array(corner) - self._shift).astype(np.float32)
            shown = self._grows(centre * self.plan.um, sheet.radii * self.plan.um, sheet.grade)
            shown[0] = False
            if not shown.any():
                continue
            owner = sheet.owner[there]
            mine = shown[owner]
            if sheet.grade == 0 or mine.any():
                np.copyto(densities, sheet.codes[there], where=mine)
                inside = mine & sheet.inside[there]
                np.copyto(label, np.uint8(1), where=mine)
                np.copyto(label, np.uint8(sheet.grade or 2), where=inside)
        np.copyto(rgb, self._colours[densities], where=tissue[..., None])
        np.copyto(codes, label, where=tissue)

    def _grows(
        self, centres_um: NDArray[np.float32], radii_um: NDArray[np.float32], grade: int
    ) -> NDArray[np.bool_]:
        """Which glands of a pattern stand where that pattern grows, within the tissue."""
        y, x = centres_um[:, 0].astype(float), centres_um[:, 1].astype(float)
        grows: NDArray[np.bool_] = self._pattern(y, x) == grade
        grows[grows] = self._depth_at(y[grows], x[grows]) > 0.5 * radii_um[grows]
        return grows

    def _pattern(self, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.int64]:
        values, pattern = self._fields["tumour"].at(y, x), np.zeros(len(y), np.int64)
        for grade, lowest in reversed(self._levels):
            pattern[values >= lowest] = grade
        return pattern

    def _depth(self, y: NDArray[np.float64], x: NDArray[np.float64]) -> Plane:
        """About the distance into the tissue, ``(h, w)`` in um."""
        along, across = (y, x) if self._tall else (x, y)
        best = np.full((len(along), len(across)), -1e4, np.float32)
        step = np.arange(len(self._cores[0].middle)) * _STEP_UM
        for core in self._cores:
            middle = np.interp(along, step, core.middle).astype(np.float32)
            half = np.interp(along, step, core.half).astype(np.float32)
            off = np.abs(across[None].astype(np.float32) - middle[:, None])
            np.maximum(best, half[:, None] - off, out=best)
        best = best if self._tall else np.ascontiguousarray(best.T)
        best += 18 * self._fields["edge"].on(y, x) + np.float32(4) * self._fields["rough"].on(y, x)
        return best

    def _depth_at(self, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[Any]:
        along, across = (y, x) if self._tall else (x, y)
        step = np.arange(len(self._cores[0].middle)) * _STEP_UM
        depths = [
            np.interp(along, step, core.half) - np.abs(across - np.interp(along, step, core.middle))
            for core in self._cores
        ]
        deepest: NDArray[Any] = np.max(depths, axis=0)
        return deepest

    def _may_hold_tissue(self, low: tuple[float, float], high: tuple[float, float]) -> bool:
        (a, c), (b, d) = (low, high) if self._tall else (low[::-1], high[::-1])
        first, last = int(max(0, a // _STEP_UM)), int(b // _STEP_UM) + 2
        for core in self._cores:
            middle, half = core.middle[first:last], core.half[first:last]
            off = np.maximum(0, np.maximum(c - middle, middle - d))
            if (half - off > -85).any():
                return True
        return False

    def _axes(
        self, start: tuple[int, int], size: tuple[int, int]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        um = self.plan.um
        return (start[0] + np.arange(size[0], dtype=np.float64) + 0.5) * um, (
            start[1] + np.arange(size[1], dtype=np.float64) + 0.5
        ) * um

    def _box(
        self, start: tuple[int, int], size: tuple[int, int]
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        um = self.plan.um
        return (start[0] * um, start[1] * um), (
            (start[0] + size[0]) * um,
            (start[1] + size[1]) * um,
        )

    def _plan_cores(self, rng: np.random.Generator) -> tuple[_Core, ...]:
        length, across = self._extent if self._tall else self._extent[::-1]
        count = max(1, round(self.plan.tissue * 1.2 * across / _CORE_UM))
        s = np.arange(int(length / _STEP_UM) + 3, dtype=np.float64) * _STEP_UM
        pitch = across / count
        cores = []
        for number in range(count):
            bend = Field((self.seed, 33, number), 2600.0)
            width = Field((self.seed, 34, number), 900.0)
            here = np.full_like(s, 3000.0 * number)
            play = max(0.0, min(0.22 * pitch, 420.0))
            middle = (number + 0.5 + rng.uniform(-0.12, 0.12)) * pitch + play * bend.at(s, here)
            wanted = min(_CORE_UM, 1.2 * self.plan.tissue * pitch) * rng.uniform(0.8, 1.15)
            half = wanted / 2 * (1 + 0.14 * np.clip(width.at(s, here), -2, 2))
            first, last = rng.uniform(0.02, 0.10) * length, rng.uniform(0.90, 0.98) * length
            ends = np.minimum(s - first, last - s)
            for _ in range(rng.poisson(length / 9000)):
                gap, wide = rng.uniform(first, last), rng.uniform(60, 320)
                ends = np.minimum(ends, np.abs(s - gap) - wide)
            half = np.where(ends > 0, half * np.sqrt(np.clip(ends / 160, 0, 1)), -1e3)
            cores.append(_Core(np.asarray(middle, np.float64), np.asarray(half, np.float64)))
        return tuple(cores)

    def _plan_tumour(self, rng: np.random.Generator) -> list[tuple[int, float]]:
        """Cut the field of tumour into level sets of the planned areas: (pattern, lowest)."""
        share = float(rng.uniform(0.12, 0.6)) if rng.random() < 0.62 else 0.0
        share = share if self.plan.tumour is None else self.plan.tumour
        patterns = _PATTERNS[rng.integers(len(_PATTERNS))]
        if share <= 0:
            return []
        s = np.arange(len(self._cores[0].middle)) * _STEP_UM
        points = [
            (s[keep], (core.middle + t * core.half)[keep])
            for core in self._cores
            for t in (-0.6, 0.0, 0.6)
            for keep in [core.half > 0]
        ]
        along, across = (np.concatenate(part) for part in zip(*points, strict=True))
        y, x = (along, across) if self._tall else (across, along)
        values = self._fields["tumour"].at(y, x)
        levels, rest = [], 1.0
        for grade, part in patterns:
            rest -= share * part
            levels.append((grade, float(np.quantile(values, max(rest, 0)))))
        return levels

    def _plan_border(
        self, rng: np.random.Generator
    ) -> tuple[tuple[int, int], tuple[int, int]] | None:
        chance = bool(rng.random() < 0.25)
        if not (chance if self.plan.border is None else self.plan.border):
            return None
        height, width = self.plan.size
        rows, columns = (
            round(height * rng.uniform(0.01, 0.03)),
            round(width * rng.uniform(0.01, 0.03)),
        )
        return (height - rows, height), (0, columns)

    def _black_free(self, start: tuple[int, int], size: tuple[int, int]) -> bool:
        assert self._black is not None
        return all(
            s + n <= low or s >= high
            for s, n, (low, high) in zip(start, size, self._black, strict=True)
        )
