"""Glands of the prostate, benign and of Gleason patterns 3 to 5: outlines, lumens, nuclei.

A gland is drawn in polar tables around its centre: ``ANGLES`` radii of the outline and of the
lumen, anticlockwise from x. All lengths are micrometres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.simulation.phantoms import sprites
from inklings.simulation.phantoms.fields import Plane

ANGLES = 1024
_THETA = np.arange(ANGLES) * (2 * np.pi / ANGLES)


@dataclass(frozen=True)
class GlandRow:
    """A row of nuclei that follows the outline at some depth."""

    nucleus: sprites.Nucleus
    spacing: float
    depth: float
    scatter: float
    keep: float = 1.0
    along: bool = False


@dataclass(frozen=True)
class GlandKind:
    """How glands of one kind look.

    Attributes:
        grade: Gleason pattern, 0 where benign.
        radius: Smallest and largest.
        gap: Least distance to the next gland; negative where they fuse.
        share: Of the area of its region that it may cover.
        wobble: Roughness of the outline, relative.
        wall: Least and greatest thickness of the epithelium; None where it is solid.
        folds: How far the wall buckles into the lumen, relative.
        rows: Rows of nuclei; solid glands are filled with nuclei instead.
        pierced: Solid, with round holes (cribriform).
    """

    name: str
    grade: int
    radius: tuple[float, float]
    gap: float
    share: float
    wobble: float
    wall: tuple[float, float] | None = None
    folds: float = 0.0
    rows: tuple[GlandRow, ...] = ()
    pierced: bool = False

    @property
    def tumour(self) -> bool:
        """Whether it is cancer."""
        return self.grade > 0


_BENIGN_ROWS = (
    GlandRow(sprites.BASAL, 9.5, 2.6, 0.5, keep=0.8, along=True),
    GlandRow(sprites.LUMINAL, 6.3, 9.0, 1.5),
    GlandRow(sprites.LUMINAL, 8.5, 14.5, 1.8, keep=0.55),
)
_ATROPHIC_ROWS = (
    GlandRow(sprites.BASAL, 10.0, 2.4, 0.4, keep=0.7, along=True),
    GlandRow(sprites.LUMINAL, 7.4, 6.2, 0.8, keep=0.92),
)
_FORMED_ROWS = (GlandRow(sprites.TUMOUR, 9.6, 6.2, 1.1, keep=0.96),)
_POOR_ROWS = (
    GlandRow(sprites.TUMOUR, 9.8, 5.8, 1.2),
    GlandRow(sprites.TUMOUR, 13.0, 15.0, 1.5, keep=0.5),
)

KINDS: tuple[GlandKind, ...] = (
    GlandKind("sheet", 5, (45, 110), 8, 0.5, 0.20),
    GlandKind("cribriform", 4, (42, 95), 14, 0.45, 0.13, pierced=True),
    GlandKind("fused", 4, (17, 27), -4, 0.35, 0.12, (14, 26), 0.15, _POOR_ROWS),
    GlandKind(
        "well formed",
        3,
        (19, 44),
        9,
        0.8,
        0.07,
        (13, 18),
        0.12,
        (GlandRow(sprites.TUMOUR, 9.6, 6.2, 1.1, 0.96),),
    ),
    GlandKind("benign", 0, (50, 95), 16, 0.40, 0.15, (22, 33), 1.0, _BENIGN_ROWS),
    GlandKind("benign, small", 0, (32, 56), 12, 0.40, 0.15, (18, 27), 1.0, _BENIGN_ROWS),
    GlandKind("atrophic", 0, (17, 34), 9, 0.24, 0.10, (10, 14), 0.15, _ATROPHIC_ROWS),
)


@dataclass(frozen=True)
class Hole:
    """A round hole in a solid gland."""

    y: float
    x: float
    radius: float
    aspect: float
    angle: float


@dataclass(frozen=True)
class Gland:
    """One gland.

    Attributes:
        kind: What it is.
        y: Centre.
        x: Centre.
        outline: Radius of the outer border at each angle.
        lumen: Radius of the lumen at each angle; below zero where there is none.
        cells: Relative staining at each angle: the borders between neighbouring cells.
        holes: Of cribriform glands.
        nuclei: ``(N, 5)``: y, x, index into `sprites.KINDS`, variant, orientation in radians.
        tone: Relative staining of cytoplasm (eosin, haematoxylin), and whether it retracts.
        secretion: Eosin in the lumen; below zero blue mucin.
    """

    kind: GlandKind
    y: float
    x: float
    outline: Plane
    lumen: Plane
    cells: Plane
    holes: tuple[Hole, ...]
    nuclei: NDArray[np.float64]
    tone: tuple[float, float, float]
    secretion: float

    @property
    def reach(self) -> float:
        """Largest radius."""
        return float(self.outline.max())


def grow(kind: GlandKind, y: float, x: float, radius: float, rng: np.random.Generator) -> Gland:
    """One gland of ``kind`` around a centre."""
    waves = _waves(rng, kind.wobble, 2, 5, 0.9) + _waves(rng, 0.3 * kind.wobble, 5, 12, 0.5)
    outline = radius * np.clip(1 + waves, 0.5, 1.45)
    lumen = _lumen(kind, outline, rng)
    nuclei = [_row(row, outline, rng) for row in kind.rows]
    placed = np.concatenate(nuclei) if nuclei else np.zeros((0, 5))
    holes = _holes(outline, radius, rng) if kind.pierced else ()
    columns = max(6, int(2 * np.pi * radius / 7.5))
    return Gland(
        kind=kind,
        y=y,
        x=x,
        outline=outline.astype(np.float32),
        lumen=lumen.astype(np.float32),
        cells=(1 + 0.10 * np.cos(_THETA * columns)).astype(np.float32),
        holes=tuple(Hole(y + h.y, x + h.x, h.radius, h.aspect, h.angle) for h in holes),
        nuclei=placed + np.array([y, x, 0, 0, 0]),
        tone=(float(rng.normal()), float(rng.normal()), float(rng.normal())),
        secretion=_secretion(rng),
    )


def _waves(
    rng: np.random.Generator, amplitude: float, first: int, stop: int, decay: float
) -> NDArray[np.float64]:
    """A random closed curve: harmonics ``first`` to ``stop - 1`` of falling amplitude."""
    curve = np.zeros(ANGLES)
    for k in range(first, stop):
        height = rng.normal(0, amplitude) * (first / k) ** decay
        curve += height * np.cos(k * _THETA + rng.uniform(0, 2 * np.pi))
    return curve


def _lumen(
    kind: GlandKind, outline: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    if kind.wall is None:
        return np.full(ANGLES, -3.0)
    thick = rng.uniform(*kind.wall) * np.ones(ANGLES)
    if kind.folds >= 1:  # papillary: the wall of a benign gland buckles into its lumen
        buckles = np.clip(_waves(rng, 0.42, 5, 13, 0.3) - 0.2, 0, 1.3)
        thick *= np.clip(1 + 0.16 * _waves(rng, 1, 3, 8, 0.4) + buckles, 0.7, 2.3)
        thick = np.minimum(thick, (0.62 + 0.2 * rng.random() ** 2) * outline)
    else:
        thick *= np.clip(1 + kind.folds * _waves(rng, 1, 2, 6, 0.3), 0.7, 1.5)
    smooth = 6 if kind.folds >= 1 else 22
    lumen: NDArray[np.float64] = ndimage.gaussian_filter1d(
        np.maximum(outline - thick, -3), smooth, mode="wrap"
    )
    if kind.tumour and lumen.mean() < 3.5:
        lumen[:] = -3.0
    return lumen


def _row(
    row: GlandRow, outline: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Nuclei ``(N, 5)`` of one row, around the origin."""
    slope = np.gradient(outline) / (outline * 2 * np.pi / ANGLES)
    length = np.cumsum(np.hypot(np.gradient(outline), outline * 2 * np.pi / ANGLES))
    count = max(5, int(length[-1] / row.spacing))
    places = (np.arange(count) + rng.uniform(-0.28, 0.28, count)) / count * length[-1]
    theta = np.interp(places, length, _THETA)[rng.random(count) < row.keep]
    scatter = np.clip(rng.normal(0, 1, len(theta)), -2.2, 2.2) * row.scatter
    radius = np.interp(theta, _THETA, outline, period=2 * np.pi) - row.depth - scatter
    radius = np.maximum(radius, 1.0)
    normal = theta - np.arctan(np.interp(theta, _THETA, slope, period=2 * np.pi))
    orientation = normal + (np.pi / 2 if row.along else 0) + rng.normal(0, 0.18, len(theta))
    kind = np.full(len(theta), sprites.KINDS.index(row.nucleus))
    variant = rng.integers(0, sprites.VARIANTS, len(theta))
    return np.stack(
        [radius * np.sin(theta), radius * np.cos(theta), kind, variant, orientation], axis=1
    )


def _holes(
    outline: NDArray[np.float64], radius: float, rng: np.random.Generator
) -> tuple[Hole, ...]:
    """Punched-out spaces on a jittered lattice, well inside the outline."""
    step = rng.uniform(32, 44)
    reach = int(radius * 1.45 / step) + 1
    holes = []
    for i in range(-reach, reach + 1):
        for j in range(-reach, reach + 1):
            y, x = (np.array([i, j]) + rng.uniform(-0.28, 0.28, 2)) * step
            size, aspect, angle = rng.uniform(5, 13.5), rng.uniform(0.75, 1.3), rng.uniform(0, 3.1)
            limit = np.interp(np.arctan2(y, x) % (2 * np.pi), _THETA, outline, period=2 * np.pi)
            if np.hypot(y, x) + size + 12 < limit and rng.random() < 0.88:
                holes.append(Hole(float(y), float(x), size, aspect, angle))
    return tuple(holes)


def _secretion(rng: np.random.Generator) -> float:
    """A third of the lumens hold eosinophilic secretion, some hold blue mucin."""
    kind, amount = rng.random(2)
    if kind < 0.35:
        return float(0.16 * amount)
    return -0.045 if kind > 0.92 else 0.0
