"""Nodules with a known answer: what they are like, where they lie, and how they look.

Sizes of benign and malignant ones overlap so that the diameter alone tells them apart with an AUC
near .88; density (solid, part-solid, ground-glass, calcified), spicules and lobes add to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inklings.simulation.phantoms.chest_space import ChestGrid, F, Field, Waves, blend, inside

Kind = Literal["solid", "part-solid", "ground-glass", "calcified"]
Place = Literal["isolated", "juxta-vascular", "juxta-pleural"]
Rng = np.random.Generator

SIZES = (4.0, 30.0)
_MEDIAN, _SPREAD = {True: 11.0, False: 5.6}, {True: 0.42, False: 0.36}
_KINDS: dict[bool, dict[Kind, float]] = {
    True: {"solid": 0.62, "part-solid": 0.26, "ground-glass": 0.12},
    False: {"solid": 0.70, "part-solid": 0.05, "ground-glass": 0.10, "calcified": 0.15},
}
_FINE = 3  # samples along each side of a voxel
_READERS = 4


@dataclass(frozen=True, slots=True)
class Nodule:
    """One nodule and all that is known about it.

    Attributes:
        centre_mm: ``(x, y, z)`` in mm of the patient.
        diameter_mm: Of the ball of the same volume, without spicules.
        malignant: The truth.
        kind: Density.
        place: What it touches.
        spiculation: 0 (smooth) to 1.
        lobulation: 0 (round) to 1.
        ratings: What readers said of malignancy, 1 to 5; at least two say 4 or more exactly where
            the nodule is malignant, as in the labels made from LIDC.
        seed: Of its texture and shape.
    """

    centre_mm: tuple[float, float, float]
    diameter_mm: float
    malignant: bool
    kind: Kind
    place: Place
    spiculation: float
    lobulation: float
    ratings: tuple[int, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Looks:
    """What is drawn before a place is found."""

    diameter_mm: float
    malignant: bool
    kind: Kind
    spiculation: float
    lobulation: float


def looks(rng: Rng, malignant: bool) -> Looks:
    """Attributes of one nodule."""
    diameter = 0.0
    while not SIZES[0] <= diameter <= SIZES[1]:
        diameter = float(rng.lognormal(np.log(_MEDIAN[malignant]), _SPREAD[malignant]))
    kinds = _KINDS[malignant]
    kind = list(kinds)[int(rng.choice(len(kinds), p=list(kinds.values())))]
    spiky = malignant and rng.random() < 0.8
    spiculation = float(rng.beta(2.2, 1.6) if spiky else rng.beta(1, 7))
    lobulation = float(rng.beta(2.5, 2) if malignant else rng.beta(1.3, 4))
    return Looks(round(diameter, 2), malignant, kind, spiculation, lobulation)


def ratings(rng: Rng, look: Looks) -> tuple[int, ...]:
    """What readers say of malignancy, each for himself."""
    logit = 1.9 * np.log(look.diameter_mm / 8) + 2.2 * look.spiculation + look.lobulation
    logit += {"part-solid": 0.5, "calcified": -3.0}.get(look.kind, 0.0)
    said = 2.6 + 0.9 * logit + rng.normal(0, 0.55, _READERS)
    stars = np.sort(np.clip(np.rint(said), 1, 5).astype(int))
    if look.malignant:
        stars[-2:] = np.maximum(stars[-2:], 4)
    else:
        stars[:-1] = np.minimum(stars[:-1], 3)
    return tuple(rng.permutation(stars).tolist())


def paint(nodule: Nodule, volume: Field, objects: NDArray[np.uint8], number: int, grid: ChestGrid,
          centre: NDArray[np.float64]) -> None:  # fmt: skip
    """Put a nodule into ``volume (Z, Y, X)`` in HU and its body into ``objects`` as ``number``.

    Args:
        nodule: What to paint.
        volume: Changed in place.
        objects: Changed in place.
        number: Its number.
        grid: Of both arrays.
        centre: ``(z, y, x)`` in mm of the drawn patient.
    """
    radius, spiky = nodule.diameter_mm / 2, nodule.spiculation
    reach = min((0.5 + 1.1 * spiky) * radius, 11.0) if spiky > 0.25 else 0.0
    extent = radius * 1.45 + reach + 2
    spacing, origin = np.array(grid.spacing), np.array(grid.origin)
    low = np.maximum(np.floor((centre - extent - origin) / spacing).astype(int), 0)
    high = np.minimum(np.ceil((centre + extent - origin) / spacing).astype(int) + 1, grid.shape)
    if (high - low < 2).any():
        return
    rng = np.random.default_rng(nodule.seed)
    z, y, x = (
        (((np.arange((b - a) * _FINE) + 0.5) / _FINE - 0.5 + a) * mm + start - c).astype(F)
        for a, b, mm, start, c in zip(low, high, spacing, origin, centre, strict=True)
    )
    axes = z[:, None, None], y[None, :, None], x[None, None, :]
    body = _Body(rng, nodule, axes, float(min(spacing)) / _FINE * 2, tuple(high - low))
    window = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    texture = _texture(rng, body.size, grid)
    _fill(rng, nodule, volume[window], body, body.with_spicules(rng, reach), texture)
    objects[window][body.share() > 0.5] = number


class _Body:
    """The shape of one nodule on a finer grid around it."""

    def __init__(
        self, rng: Rng, nodule: Nodule, axes: tuple[Field, Field, Field], edge: float,
        size: tuple[int, ...],
    ) -> None:  # fmt: skip
        self.nodule, self.axes, self.edge, self.size = nodule, axes, edge, size
        self.radius = nodule.diameter_mm / 2
        z, y, x = axes
        stretch = np.exp(rng.normal(0, 0.14 if nodule.kind == "ground-glass" else 0.10, 3))
        sides = (stretch / stretch.prod() ** (1 / 3)).astype(F)
        self.distance = np.sqrt((z / sides[0]) ** 2 + (y / sides[1]) ** 2 + (x / sides[2]) ** 2)
        self.distance += F(1e-3)
        waves = [_wave(rng, 2, 4.5, 6) for _ in range(6)], [_wave(rng, 6, 11, 5) for _ in range(5)]
        heights = 0.03 + 0.13 * nodule.lobulation, 0.015 + 0.05 * nodule.spiculation
        sphere = _directions()
        volume = (self._profile(sphere, waves, heights) ** 3).mean()
        units = tuple(axis / sides[k] / self.distance for k, axis in enumerate(axes))
        # Scaled so that the volume is that of the ball, whatever the waves are.
        self.profile = self._profile(units, waves, heights) / F(volume ** (1 / 3))

    @staticmethod
    def _profile(
        units: tuple[Field, ...],
        waves: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]],
        heights: tuple[float, float],
    ) -> Field:
        profile: Field = np.ones(1, F)
        for group, height in zip(waves, heights, strict=True):
            for fz, fy, fx, phase, scale in group:
                angle = F(fz) * units[0] + F(fy) * units[1] + F(fx) * units[2] + F(phase)
                profile = profile + F(height * scale) * np.cos(angle)
        return profile

    def fine(self, part: float = 1.0) -> Field:
        """Share of the finer samples within ``part`` of the radius."""
        return inside(self.distance - F(self.radius * part) * self.profile, self.edge)

    def share(self, part: float = 1.0) -> Field:
        """Share of the samples of the volume within ``part`` of the radius."""
        return self.pooled(self.fine(part))

    def pooled(self, fine: Field) -> Field:
        """Finer samples to those of the volume."""
        z, y, x = self.size
        mean: Field = fine.reshape(z, _FINE, y, _FINE, x, _FINE).mean((1, 3, 5))
        return mean

    def core(self, shift: NDArray[np.float64], part: float) -> Field:
        """Share of a smaller body that lies off the middle by ``shift`` mm."""
        z, y, x = (axis - F(off) for axis, off in zip(self.axes, shift, strict=True))
        distance = np.sqrt(z * z + y * y + x * x) - F(self.radius * part) * self.profile
        return self.pooled(inside(distance, self.edge))

    def with_spicules(self, rng: Rng, reach: float) -> Field:
        """Share of the body and its spicules, which bend and taper."""
        full = self.fine()
        z, y, x = self.axes
        for _ in range(int(8 + 34 * self.nodule.spiculation) if reach else 0):
            way = rng.standard_normal(3)
            way /= np.linalg.norm(way)
            bend = np.cross(way, rng.standard_normal(3)) * rng.normal(0, 0.12)
            length = self.radius + reach * rng.uniform(0.35, 1)
            thick = rng.uniform(0.8, 1.7) * min(1, self.radius / 4.5)
            (wz, wy, wx), (bz, by, bx) = way.astype(F), bend.astype(F)
            t = np.clip((z * wz + y * wy + x * wx) / F(length), 0, 1)
            along, aside = t * F(length), t * t * F(length)
            off = (
                (z - along * wz - aside * bz) ** 2
                + (y - along * wy - aside * by) ** 2
                + (x - along * wx - aside * bx) ** 2
            )
            distance = np.sqrt(off) - (F(0.38) + (1 - t) * F(thick))
            np.maximum(full, inside(distance, self.edge) * F(0.9), out=full)
        return self.pooled(full)


def _wave(rng: Rng, slowest: float, fastest: float, count: int) -> NDArray[np.float64]:
    way = rng.standard_normal(3)
    way *= rng.uniform(slowest, fastest) / np.linalg.norm(way)
    return np.array([*way, rng.uniform(0, 2 * np.pi), (2 / count) ** 0.5])


def _directions(count: int = 400) -> tuple[Field, Field, Field]:
    """Points spread evenly over the sphere (a spiral of golden angles)."""
    z = 1 - 2 * (np.arange(count) + 0.5) / count
    turn = np.arange(count) * np.pi * (3 - 5**0.5)
    flat = np.sqrt(1 - z * z)
    return z.astype(F), (flat * np.sin(turn)).astype(F), (flat * np.cos(turn)).astype(F)


def _texture(rng: Rng, size: tuple[int, ...], grid: ChestGrid) -> Field:
    half = tuple(n * mm / 2 for n, mm in zip(size, grid.spacing, strict=True))
    waves = Waves(rng, 4.0, (half[0], half[1], half[2]))
    z, y, x = (
        ((np.arange(n) - (n - 1) / 2) * mm).astype(F)
        for n, mm in zip(size, grid.spacing, strict=True)
    )
    return waves(z[:, None, None], y[None, :, None], x[None, None, :]) * F(0.5)


def _fill(rng: Rng, nodule: Nodule, part: Field, body: _Body, full: Field, texture: Field) -> None:
    """HU of one nodule; what is denser already stays."""
    if nodule.kind in ("ground-glass", "part-solid"):
        top = -480.0
        lowest = -680.0 if nodule.kind == "ground-glass" else -640.0
        _thicken(part, F(rng.uniform(lowest, top)) + 70 * texture, full * F(0.98))
        if nodule.kind == "part-solid":
            size, shift = rng.uniform(0.35, 0.7), rng.normal(0, 0.12 * body.radius, 3)
            _thicken(part, F(rng.uniform(0, 45)) + 20 * texture, body.core(shift, size))
        return
    _thicken(part, F(rng.uniform(10, 60)) + 25 * texture, full)
    if nodule.kind == "calcified":
        size, hardness = rng.uniform(0.35, 0.95), rng.uniform(250, 800)
        _thicken(part, F(hardness), body.share(size))
    elif nodule.spiculation > 0.5 and nodule.diameter_mm > 14 and rng.random() < 0.2:
        blend(part, -930.0, body.share(rng.uniform(0.25, 0.5)))


def _thicken(part: Field, value: Field | np.float32, share: Field) -> None:
    np.maximum(part, part + (value - part) * share, out=part)
