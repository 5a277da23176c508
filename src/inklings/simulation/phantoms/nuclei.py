"""Nuclei under three microscopes, with the exact mask of each one.

Finding such nuclei is easy; telling apart those that touch is the task. The three looks and
their mixture follow the Data Science Bowl of 2018 (Caicedo et al., 2019).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.simulation.phantoms.fields import (
    Field,
    Plane,
    bell,
    coverage,
    fibres,
    logistic,
    lookup,
)
from inklings.simulation.phantoms.stains import STAINS, Stain

Microscope = Literal["fluorescence", "stained", "bright-field"]
MICROSCOPES: tuple[Microscope, ...] = get_args(Microscope)

_MIXTURE = (0.7, 0.18, 0.12)
_WAVELENGTHS = (70.0, 22.0, 7.0, 2.2, 1.1)
_LEAST_UM2 = 1.5


@dataclass(frozen=True)
class _Habit:
    """How nuclei look under one microscope; lengths in um."""

    um: tuple[float, float]
    radius: tuple[float, float]
    cover: tuple[float, float]
    shapes: tuple[float, float, float]  # shares of ovals, of small round and of long ones


_HABITS: dict[Microscope, _Habit] = {
    "fluorescence": _Habit((0.30, 0.60), (4.2, 8.0), (0.10, 0.32), (0.75, 0.25, 0.0)),
    "stained": _Habit((0.26, 0.40), (3.0, 4.4), (0.16, 0.36), (0.50, 0.28, 0.22)),
    "bright-field": _Habit((0.26, 0.40), (3.4, 5.5), (0.12, 0.30), (0.60, 0.20, 0.20)),
}
_SIZES = (1.0, 0.8, 1.15)
_LONG = ((0.12, 0.10), (0.05, 0.05), (0.85, 0.20))  # log of the ratio of the axes: mean, spread


@dataclass(frozen=True)
class _Nucleus:
    y: float
    x: float
    half_axes: tuple[float, float]
    angle: float
    oval: bool
    bright: float
    blur: float
    outline: NDArray[np.float64]  # (2, 5): amplitude and phase of five harmonics
    spots: NDArray[np.float64]  # (N, 2): nucleoli, relative to the half-axes

    @property
    def radius(self) -> float:
        return float(np.sqrt(self.half_axes[0] * self.half_axes[1]))


@dataclass(frozen=True)
class _Scene:
    """Planes ``(H, W)`` that every microscope starts from."""

    um: float
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    instances: NDArray[np.int32]
    density: Plane
    halo: Plane
    waves: dict[float, Plane]


def nuclei_field(
    seed: int, size: int | tuple[int, int] = 256, microscope: Microscope | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int32], Microscope]:
    """One field of view with its answer.

    Args:
        seed: Decides everything, also the microscope where none is given.
        size: Rows and columns, or one number for both.
        microscope: What kind of picture to make.

    Returns:
        RGB ``(H, W, 3)``, nuclei ``(H, W)`` numbered from 1 (0 is background), the microscope.
    """
    rng = np.random.default_rng([seed, 31])
    kind = microscope or MICROSCOPES[rng.choice(len(MICROSCOPES), p=_MIXTURE)]
    h, w = (size, size) if isinstance(size, int) else size
    um = rng.uniform(*_HABITS[kind].um)
    nuclei = _scatter(_HABITS[kind], (h * um, w * um), rng)
    scene = _draw(seed, nuclei, (h, w), um, fluorescent=kind == "fluorescence")
    return _CAMERAS[kind](scene, rng), scene.instances, kind


def _scatter(
    habit: _Habit, extent: tuple[float, float], rng: np.random.Generator
) -> list[_Nucleus]:
    """Nuclei in clusters and alone; most touch at most, a few overlap."""
    low, high = np.full(2, -10.0), np.array(extent) + 10
    radius, crowding = rng.uniform(*habit.radius), rng.random()
    count = int(rng.uniform(*habit.cover) * np.prod(high - low) / (np.pi * radius**2)) + 2
    centres = rng.uniform(low, high, (max(2, count // 9), 2))
    spread = radius * rng.uniform(2.2, 4.2)
    nuclei: list[_Nucleus] = []
    placed = np.zeros((0, 3))
    for _ in range(count * 14):
        if len(nuclei) >= count:
            break
        clustered = rng.random() < crowding * 0.8
        there = centres[rng.integers(len(centres))] + rng.normal(0, spread, 2)
        y, x = there if clustered else rng.uniform(low, high)
        one = _nucleus(float(y), float(x), radius, habit, rng)
        closest = 0.82 + 0.20 * (1 - crowding) if rng.random() < 0.8 else 0.68
        gaps = np.hypot(placed[:, 0] - y, placed[:, 1] - x)
        if (gaps < (placed[:, 2] + one.radius) * closest).any():
            continue
        placed = np.vstack([placed, (y, x, one.radius)])
        nuclei.append(one)
    return nuclei


def _nucleus(
    y: float, x: float, radius: float, habit: _Habit, rng: np.random.Generator
) -> _Nucleus:
    shape = int(rng.choice(3, p=habit.shapes))
    long = radius * float(np.exp(rng.normal(0, 0.16))) * _SIZES[shape]
    short = long * float(np.exp(-abs(rng.normal(*_LONG[shape]))))
    harmonics = np.arange(1, 6)
    return _Nucleus(
        y=y,
        x=x,
        half_axes=(long, short),
        angle=float(rng.uniform(0, np.pi)),
        oval=shape == 0,
        bright=float(np.exp(rng.normal(0, 0.28))),
        blur=float(abs(rng.normal(0, 0.5))),
        outline=np.stack([rng.normal(0, 0.045, 5) / harmonics**0.5, rng.uniform(0, 6.3, 5)]),
        spots=rng.uniform(-0.55, 0.55, (int(rng.integers(0, 4)), 2)),
    )


def _draw(
    seed: int, nuclei: list[_Nucleus], shape: tuple[int, int], um: float, fluorescent: bool
) -> _Scene:
    y, x = ((np.arange(n, dtype=np.float64) + 0.5) * um for n in shape)
    waves = {w: Field((seed, 32, i), w).on(y, x) for i, w in enumerate(_WAVELENGTHS)}
    scene = _Scene(
        um=um,
        y=y,
        x=x,
        instances=np.zeros(shape, np.int32),
        density=np.zeros(shape, np.float32),
        halo=np.zeros(shape, np.float32),
        waves=waves,
    )
    depth = np.zeros(shape, np.float32)
    for number, nucleus in enumerate(nuclei, 1):
        _lay(scene, depth, number, nucleus, fluorescent)
    area = np.bincount(scene.instances.ravel(), minlength=len(nuclei) + 1) * um * um
    kept = area >= _LEAST_UM2
    kept[0] = False
    renumbered = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    scene.instances[:] = renumbered[scene.instances]
    return scene


def _lay(scene: _Scene, depth: Plane, number: int, one: _Nucleus, fluorescent: bool) -> None:
    """Draw one nucleus; where two lie over each other, the deeper one has the sample."""
    long, short = one.half_axes
    reach = long * 1.35 + 1.5
    rows, columns = (
        slice(max(0, int((c - reach) / scene.um)), max(0, int((c + reach) / scene.um) + 2))
        for c in (one.y, one.x)
    )
    part = (rows, columns)
    dy = (scene.y[rows] - one.y)[:, None].astype(np.float32)
    dx = (scene.x[columns] - one.x)[None].astype(np.float32)
    cos, sin = np.float32(np.cos(one.angle)), np.float32(np.sin(one.angle))
    u, v = (dx * cos + dy * sin) / np.float32(long), (dy * cos - dx * sin) / np.float32(short)
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    outline = np.ones_like(radius)
    for k, (amplitude, phase) in enumerate(one.outline.T, 2):
        outline += np.float32(amplitude) * np.cos(k * angle + np.float32(phase))
    inside: Plane = (outline - radius) * np.float32(short)
    mine = (inside > 0) & (inside > depth[part])
    scene.instances[part][mine] = number
    depth[part][mine] = inside[mine]
    soft = coverage(inside, max(scene.um, 0.25) * (1 + 1.2 * one.blur))
    spots = sum((bell(np.hypot(u - a, v - b) * np.float32(short)) for a, b in one.spots), 0 * u)
    texture = sum(w * scene.waves[k][part] for k, w in ((2.2, 0.55), (1.1, 0.45), (7.0, 0.3)))
    old = scene.density[part]
    if fluorescent:
        dome = np.sqrt(np.clip(1 - (radius / outline) ** 2, 0, 1))
        light = one.bright * (0.55 + 0.45 * dome) * (1 + 0.16 * texture) - 0.3 * one.bright * spots
        new = np.maximum(light, 0) * soft
        scene.density[part] = np.maximum(old, new) + 0.45 * np.minimum(old, new)
        return
    rim = bell((inside - np.float32(0.4)) / np.float32(0.5))
    pale = 0.62 + 0.30 * rim + 0.16 * texture + 0.6 * spots
    dark = 0.95 + 0.12 * texture
    scene.density[part] = np.maximum(old, one.bright**0.6 * (pale if one.oval else dark) * soft)
    halo = bell((inside + np.float32(0.9)) / np.float32(0.7))
    scene.halo[part] = np.maximum(scene.halo[part], halo)


def _fluorescence(scene: _Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Bright on black: point spread, glow, uneven light, photon noise, any exposure."""
    um, waves = scene.um, scene.waves
    sharp = ndimage.gaussian_filter(scene.density, rng.uniform(0.25, 0.55) / um)
    glow = rng.uniform(0.04, 0.16) * ndimage.gaussian_filter(scene.density, 3.5 / um)
    light = (sharp + glow) * (1 + 0.14 * waves[70.0])
    light = light + rng.uniform(0.01, 0.07) * (1 + 0.2 * waves[22.0])
    photons = rng.uniform(60, 500)
    seen = rng.poisson(np.maximum(light, 0) * photons) / photons
    seen = seen + rng.normal(0, rng.uniform(0.003, 0.015), seen.shape)
    top = max(float(np.quantile(seen, 0.998)) / rng.uniform(0.25, 1.0), 1e-3)
    grey = np.clip(seen / top, 0, 1) ** rng.uniform(0.75, 1.15) * 255
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def _stained(scene: _Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """H&E: purple nuclei on cytoplasm, fibres and white gaps."""
    um, waves = scene.um, scene.waves
    angle = rng.uniform(0, np.pi)
    down = scene.y[:, None] + 8 * waves[22.0] + 10 * waves[70.0]
    right = scene.x[None] + 2 * waves[7.0]
    strands = lookup(
        fibres(),
        down * np.cos(angle) - right * np.sin(angle),
        down * np.sin(angle) + right * np.cos(angle),
    )
    strands = ndimage.gaussian_filter(strands, 0.35 / um)
    body = logistic(5 * (waves[22.0] + np.float32(rng.uniform(-0.4, 0.8))))
    hollow = 0.8 * waves[22.0] + 0.6 * waves[7.0] - np.float32(rng.uniform(1.3, 2.1))
    tissue = 1 - logistic(9 * hollow)
    fibrous = 0.50 + 0.12 * strands
    eosin = fibrous * (1 - body) + (0.40 + 0.08 * waves[2.2] + 0.05 * waves[1.1]) * body
    haze = 0.10 + 0.04 * strands * (1 - body) + rng.uniform(0.04, 0.22) * body
    solid = np.minimum(scene.density, 1)
    halo = scene.halo * (scene.density < 0.2)
    eosin = eosin * tissue * (1 - 0.4 * solid) * (1 - 0.25 * halo)
    haematoxylin = haze * tissue * (1 - 0.3 * solid) + scene.density * rng.uniform(0.75, 1.25)
    stain = STAINS[2].varied(rng, hue=0.09)
    return _through(scene, stain, haematoxylin, np.maximum(eosin, 0), rng)


def _brightfield(scene: _Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One dye, grey, violet or blue, on pale cytoplasm."""
    waves = scene.waves
    tints = ((0.60, 0.62, 0.60), (0.78, 0.66, 0.36), (0.50, 0.58, 0.78))
    tint = tints[rng.choice(3, p=[0.5, 0.25, 0.25])]
    pale = 0.16 + 0.10 * waves[22.0] + 0.06 * waves[7.0] + 0.03 * waves[1.1] + 0.025 * waves[2.2]
    halo = scene.halo * (scene.density < 0.2)
    dye = scene.density * rng.uniform(0.8, 1.3) - 0.07 * halo
    dye = dye + np.clip(pale, 0.01, 1) * rng.uniform(0.5, 1.4)
    stain = Stain(tint, (1.0, 1.0, 1.0), glass=(226.0, 226.0, 224.0)).varied(rng, hue=0.05)
    return _through(scene, stain, np.maximum(dye, 0), 0.05 * waves[70.0], rng)


def _through(
    scene: _Scene, stain: Stain, first: Plane, second: Plane, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Light through a stained section and a microscope onto a camera, ``(H, W, 3)``."""
    sigma = rng.uniform(0.2, 0.5) / scene.um
    dense, thin = (ndimage.gaussian_filter(p.astype(np.float32), sigma) for p in (first, second))
    noise = ndimage.gaussian_filter(rng.normal(0, rng.uniform(2, 5), first.shape), 0.5)
    return np.moveaxis(stain.develop(dense, thin, noise.astype(np.float32)), 0, -1).copy()


_CAMERAS: dict[Microscope, Callable[[_Scene, np.random.Generator], NDArray[np.uint8]]] = {
    "fluorescence": _fluorescence,
    "stained": _stained,
    "bright-field": _brightfield,
}
