"""Where tissue, tumour, glands and cells lie, in micrometres: decided by a seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inklings.simulation.phantoms import sprites
from inklings.simulation.phantoms.fields import Field, Plane
from inklings.simulation.phantoms.glands import KINDS, Gland, GlandKind, grow
from inklings.simulation.phantoms.stains import STAINS, Stain

Points = NDArray[np.float64]

# Wavelength of each random field, um.
_WAVELENGTHS = {
    "light": 900.0,  # thickness of the section
    "crowd": 420.0,  # inflammation, and where the tissue ends
    "region": 300.0,  # tumour or not
    "muscle": 260.0,
    "bend": 160.0,  # direction of the fibres
    "warp": 70.0,  # glands are pushed about
    "spots": 48.0,
    "rough": 26.0,
}
_PITCH_UM = 10.2
_LATTICE = 96
_MARGIN_UM = 70.0
_Mixture = tuple[tuple[int, float], ...]
_MIXTURES: tuple[_Mixture, ...] = (
    ((3, 1.0),),
    ((4, 0.4), (3, 0.6)),
    ((4, 1.0),),
    ((5, 0.3), (4, 0.3), (3, 0.4)),
    ((5, 0.5), (4, 0.5)),
)


@dataclass(frozen=True)
class Look:
    """What the sections of one patient have in common.

    Attributes:
        stain: Colours of the laboratory on that day.
        tumour: Share of the tissue that is tumour, 0 to 1.
        patterns: Gleason patterns of the tumour, worst first, and their shares.
        inflamed: How many lymphocytes; 0 is usual.
    """

    stain: Stain
    tumour: float
    patterns: _Mixture
    inflamed: float = 0.0

    @classmethod
    def of_patient(cls, seed: int) -> Look:
        """The look of patient ``seed``."""
        rng = np.random.default_rng([seed, 7])
        return cls(
            stain=STAINS[rng.integers(len(STAINS))].varied(rng),
            tumour=float(rng.uniform(0.3, 0.6)),
            patterns=_MIXTURES[rng.integers(len(_MIXTURES))],
            inflamed=float(rng.normal(0, 0.3)),
        )


@dataclass(frozen=True)
class Cells:
    """Places where a cell may lie; ``chance (4, N)`` in [0, 1) decides which one does."""

    y: Points
    x: Points
    chance: Plane
    variant: NDArray[np.int64]
    tilt: Points


class World:
    """A piece of tissue of a given extent (height and width in um)."""

    def __init__(self, seed: int, extent_um: tuple[float, float], look: Look) -> None:
        self.seed, self.extent, self.look = seed, extent_um, look
        self.fields = {
            name: Field((seed, 11, i), wavelength)
            for i, (name, wavelength) in enumerate(_WAVELENGTHS.items())
        }
        rng = np.random.default_rng([seed, 12])
        self._glass_from = float(rng.uniform(1.8, 6.0))
        self._levels = self._pattern_levels(rng)
        self.glands = self._unwarped(tuple(self._plant(rng)))
        self._lattice = _lattice(np.random.default_rng([seed, 13]))

    def inside_tissue(self, crowd: Plane) -> Plane:
        """About the signed distance to the edge of the tissue (um), from the field of that name."""
        return np.float32(60) * (np.float32(self._glass_from) - np.abs(crowd))

    def warp_on(self, y: Points, x: Points) -> tuple[Plane, Plane]:
        """Displacement (y, x) of the glands on a grid, um."""
        warp, rough = self.fields["warp"], self.fields["rough"]
        return (
            11 * warp.on(y, x) + np.float32(2.2) * rough.on(y, x),
            11 * warp.on(y + 5000, x + 3100) + np.float32(2.2) * rough.on(y + 1000, x + 700),
        )

    def near(self, y: tuple[float, float], x: tuple[float, float]) -> Iterator[tuple[int, Gland]]:
        """Number (from one) and gland of all that may reach into a rectangle."""
        for number, gland in enumerate(self.glands, 1):
            reach = gland.reach + 45.0
            if y[0] - reach < gland.y < y[1] + reach and x[0] - reach < gland.x < x[1] + reach:
                yield number, gland

    def cells(self, y: tuple[float, float], x: tuple[float, float]) -> Cells:
        """The lattice of loose cells within a rectangle."""
        period, here = _LATTICE * _PITCH_UM, self._lattice
        parts = []
        for shift_y in np.arange(np.floor(y[0] / period), np.floor(y[1] / period) + 1) * period:
            for shift_x in np.arange(np.floor(x[0] / period), np.floor(x[1] / period) + 1) * period:
                cy, cx = here.y + shift_y, here.x + shift_x
                inside = np.flatnonzero((cy > y[0]) & (cy < y[1]) & (cx > x[0]) & (cx < x[1]))
                parts.append((cy[inside], cx[inside], inside))
        index = np.concatenate([part[2] for part in parts])
        return Cells(
            y=np.concatenate([part[0] for part in parts]),
            x=np.concatenate([part[1] for part in parts]),
            chance=here.chance[:, index],
            variant=here.variant[index],
            tilt=here.tilt[index],
        )

    def _region(self, y: Points, x: Points) -> Plane:
        return self.fields["region"].at(y, x) + np.float32(0.5) * self.fields["light"].at(y, x)

    def _pattern_levels(self, rng: np.random.Generator) -> list[tuple[int, float]]:
        """Cut a smooth field into level sets of the planned areas: (pattern, lowest value)."""
        grid = np.meshgrid(*(np.arange(8, e, 16.0) for e in self.extent), indexing="ij")
        values = self._region(grid[0].ravel(), grid[1].ravel())
        share = float(np.clip(self.look.tumour + rng.normal(0, 0.15), 0, 0.9))
        levels, rest = [], 1.0
        for pattern, part in self.look.patterns:
            rest -= share * part
            levels.append((pattern, float(np.quantile(values, max(rest, 0)))))
        return levels

    def _pattern(self, y: Points, x: Points) -> NDArray[np.int64]:
        """Gleason pattern of the region at points, 0 where benign."""
        values, pattern = self._region(y, x), np.zeros(len(y), np.int64)
        for grade, lowest in reversed(self._levels):
            pattern[values >= lowest] = grade
        return pattern

    def _plant(self, rng: np.random.Generator) -> Iterator[Gland]:
        """Throw glands like darts, tumour first, large before small; keep those that fit."""
        area = (self.extent[0] + 2 * _MARGIN_UM) * (self.extent[1] + 2 * _MARGIN_UM)
        placed = np.zeros((0, 3))
        for kind in KINDS:
            count = int(np.clip(6 * area / (1.1 * sum(kind.radius)) ** 2, 40, 20000))
            low = np.full(2, -_MARGIN_UM)
            darts = rng.uniform(low, np.array(self.extent) + _MARGIN_UM, (count, 2))
            radii = np.exp(rng.uniform(np.log(kind.radius[0]), np.log(kind.radius[1]), count))
            fits = self._fits(kind, darts, radii)
            budget = kind.share * area * float((self._pattern(*darts.T) == kind.grade).mean())
            for (y, x), radius in zip(darts[fits], radii[fits], strict=True):
                gap = kind.gap * (0.4 + rng.exponential(0.8)) if kind.gap > 0 else kind.gap
                clear = np.hypot(placed[:, 0] - y, placed[:, 1] - x) - placed[:, 2] - radius
                if (clear < gap).any():
                    continue
                placed = np.vstack([placed, (y, x, radius)])
                seed = [self.seed, 14, len(placed)]
                yield grow(kind, y, x, radius, np.random.default_rng(seed))
                budget -= np.pi * radius * radius
                if budget < 0:
                    break

    def _fits(self, kind: GlandKind, darts: Points, radii: Points) -> NDArray[np.bool_]:
        y, x = darts.T
        fits: NDArray[np.bool_] = self._pattern(y, x) == kind.grade
        return fits & (self.inside_tissue(self.fields["crowd"].at(y, x)) > 0.45 * radii)

    def _unwarped(self, glands: tuple[Gland, ...]) -> tuple[Gland, ...]:
        """Move nuclei, placed along unwarped outlines, to where the warp shows them."""
        if not glands:
            return glands
        placed = np.concatenate([gland.nuclei for gland in glands])
        y, x = placed[:, 0], placed[:, 1]
        for _ in range(3):
            push_y, push_x = self._warp_at(y, x)
            y, x = placed[:, 0] - push_y, placed[:, 1] - push_x
        placed[:, 0], placed[:, 1] = y, x
        ends = np.cumsum([len(gland.nuclei) for gland in glands])[:-1]
        parts = np.split(placed, ends)
        return tuple(replace(g, nuclei=part) for g, part in zip(glands, parts, strict=True))

    def _warp_at(self, y: Points, x: Points) -> tuple[Points, Points]:
        warp, rough = self.fields["warp"], self.fields["rough"]
        return (
            11 * warp.at(y, x) + 2.2 * rough.at(y, x),
            11 * warp.at(y + 5000, x + 3100) + 2.2 * rough.at(y + 1000, x + 700),
        )


def _lattice(rng: np.random.Generator) -> Cells:
    rows, columns = np.mgrid[:_LATTICE, :_LATTICE]
    jitter = rng.uniform(-0.36, 0.36, (2, _LATTICE, _LATTICE))
    y = (rows + 0.5 + jitter[0]) * _PITCH_UM
    x = (columns + 0.5 * (rows % 2) + 0.5 + jitter[1]) * _PITCH_UM % (_LATTICE * _PITCH_UM)
    count = _LATTICE * _LATTICE
    return Cells(
        y=y.ravel(),
        x=x.ravel(),
        chance=rng.random((4, count), dtype=np.float32),
        variant=rng.integers(0, sprites.VARIANTS, count),
        tilt=rng.normal(0, 1, count),
    )
