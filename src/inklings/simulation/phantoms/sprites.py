"""Nuclei as little pictures of haematoxylin density, to be stamped into tissue."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from inklings.simulation.phantoms.fields import Plane, bell, coverage

VARIANTS = 12
ORIENTATIONS = 16
_OVERSAMPLING = 3


@dataclass(frozen=True)
class Nucleus:
    """What nuclei of one kind look like.

    Attributes:
        half_axes: Long and short, um.
        irregular: Relative roughness of the outline.
        density: Haematoxylin, one is a lymphocyte.
        open_chromatin: Pale inside with a clear membrane and nucleoli, as tumour nuclei are.
        uneven: Spread of the short axis from nucleus to nucleus (log scale).
        bent: Spread of the curvature, 1/um.
    """

    half_axes: tuple[float, float]
    irregular: float
    density: float
    open_chromatin: bool = False
    uneven: float = 0.13
    bent: float = 0.0


SPINDLE = Nucleus((6.6, 1.45), 0.12, 0.80, bent=0.016)
LUMINAL = Nucleus((3.6, 2.9), 0.07, 0.80)
BASAL = Nucleus((4.0, 1.9), 0.08, 0.90)
TUMOUR = Nucleus((4.7, 4.1), 0.08, 0.58, open_chromatin=True)
LYMPHOCYTE = Nucleus((2.9, 2.8), 0.05, 1.0)
PLEOMORPHIC = Nucleus((5.6, 4.5), 0.15, 0.60, open_chromatin=True, uneven=0.25)
KINDS = (SPINDLE, LUMINAL, BASAL, TUMOUR, LYMPHOCYTE, PLEOMORPHIC)


@lru_cache(maxsize=4096)
def sprite(kind: int, variant: int, orientation: int, um: float) -> Plane:
    """Density of one nucleus, ``(S, S)`` with odd ``S``, the nucleus in the middle.

    Args:
        kind: Index into `KINDS`.
        variant: Which individual, below `VARIANTS`.
        orientation: Of the long axis, in steps of ``pi / ORIENTATIONS`` from x.
        um: Size of a sample.
    """
    nucleus, rng = KINDS[kind], np.random.default_rng([5, kind, variant])
    long = nucleus.half_axes[0] * np.exp(rng.normal(0, 0.16))
    short = nucleus.half_axes[1] * np.exp(rng.normal(0, nucleus.uneven))
    half = int(np.ceil((long * 1.35 + 1.2) / um))
    side = 2 * half + 1
    steps = np.arange(side * _OVERSAMPLING) - (side * _OVERSAMPLING - 1) / 2
    grid = (steps * um / _OVERSAMPLING).astype(np.float32)
    angle = np.float32(np.pi * orientation / ORIENTATIONS)
    u = grid[None] * np.cos(angle) + grid[:, None] * np.sin(angle)
    v = grid[:, None] * np.cos(angle) - grid[None] * np.sin(angle)
    v = v + np.float32(rng.normal(0, 1) * nucleus.bent) * u * u
    inside = _inside(nucleus, u / np.float32(long), v / np.float32(short), rng) * np.float32(short)
    chromatin = _chromatin(nucleus, u, v, inside, (long, short), rng)
    fine = coverage(inside, 0.9) * chromatin * np.float32(np.exp(rng.normal(0, 0.13)))
    coarse = fine.reshape(side, _OVERSAMPLING, side, _OVERSAMPLING).mean((1, 3))
    density: Plane = (coarse * np.float32(nucleus.density)).astype(np.float32)
    return density


def _inside(nucleus: Nucleus, u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    """Signed distance to a wavy ellipse of unit half-axes, in units of the short one."""
    angle: Plane = np.arctan2(v, u)
    outline = np.ones_like(u)
    for k in range(2, 6):
        amplitude = nucleus.irregular * rng.normal() / (k - 0.5)
        outline += np.float32(amplitude) * np.cos(k * angle + np.float32(rng.uniform(0, 6.3)))
    inside: Plane = np.subtract(1, np.hypot(u, v) / outline, dtype=np.float32)
    return inside


def _chromatin(
    nucleus: Nucleus,
    u: Plane,
    v: Plane,
    inside: Plane,
    half_axes: tuple[float, float],
    rng: np.random.Generator,
) -> Plane:
    """Relative density: clumps, a membrane, and nucleoli where the chromatin is open."""
    density = np.full_like(u, 0.72 if nucleus.open_chromatin else 0.95)
    for _ in range(14):
        y, x = rng.uniform(-0.8, 0.8, 2) * half_axes[::-1]
        radius, weight = rng.uniform(0.35, 0.9), rng.normal(0, 0.22)
        density += np.float32(weight) * bell(np.hypot(u - x, v - y) / np.float32(1.41 * radius))
    membrane = np.float32(0.42 if nucleus.open_chromatin else 0.22)
    density += membrane * bell((inside - np.float32(0.35)) / np.float32(0.45))
    if nucleus.open_chromatin:
        for _ in range(1 if rng.random() < 0.75 else 2):
            y, x = rng.uniform(-0.35, 0.35, 2) * half_axes[::-1]
            density += bell(np.hypot(u - x, v - y) ** 2 / np.float32(rng.uniform(0.75, 1.25) ** 2))
    return density.astype(np.float32)
