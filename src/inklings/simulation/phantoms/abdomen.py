"""Abdomens with a known answer: water and fat in every place, for T1 in and out of phase, and T2.

Drawn in millimetres of the patient (x to the left, y to the back, z to the head) from ellipsoids
with wavy borders, and rendered on any axial grid. Every tissue is a pair (water, fat), so that in
phase (sum) and out of phase (difference) come out as in Dixon 1984: fat in the liver lowers the
second and not the first, and borders between water and fat turn dark. A bias field, noise of Rice
and thick slices make it about as hard as a real scan: the best interval of grey finds the liver
with a Dice of about .5 to .6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.geometry import Geometry

ORGANS = ("liver", "right kidney", "left kidney", "spleen")
Phase = Literal["in", "out", "t2"]
Field = NDArray[Any]
"""float32, ``(Z, Y, X)`` or what broadcasts to it."""

# Water, fat and brightness in T2, before the patient's own variation.
_TISSUES = {
    "fat": (16, 220, 150), "muscle": (98, 5, 40), "liver": (104, 4, 62), "spleen": (88, 0, 120),
    "kidney": (100, 2, 135), "sinus": (40, 150, 150), "bone": (60, 60, 60), "vessel": (80, 0, 30),
    "stomach": (92, 8, 110), "gut": (98, 6, 85), "gall": (70, 0, 240), "lung": (7, 0, 6),
    "spinal": (40, 0, 230), "gas": (2, 0, 2),
}  # fmt: skip


@dataclass(frozen=True)
class AbdomenScan:
    """What is rendered at once.

    Attributes:
        images: Phase to stored numbers ``(Z, Y, X)``, uint16.
        codes: ``(Z, Y, X)``: index into `ORGANS` plus one, 0 is background.
        geometry: Where the samples lie.
    """

    images: dict[Phase, NDArray[np.uint16]]
    codes: NDArray[np.uint8]
    geometry: Geometry


class _Noise:
    """Smooth random fields in space, of standard deviation about 1."""

    def __init__(self, rng: np.random.Generator, points: tuple[Field, Field, Field]) -> None:
        self.rng, self.points = rng, points

    def __call__(self, wavelength_mm: float) -> Field:
        """One field ``(Z, Y, X)``; the same for every grid, as it is drawn in millimetres."""
        lattice = self.rng.standard_normal((13, 17, 17)).astype(np.float32)
        axes = [
            (np.ravel(points) / wavelength_mm + side / 2) % side
            for points, side in zip(self.points, lattice.shape, strict=True)
        ]
        out = lattice
        for axis, places in enumerate(axes):
            # Cubic in each axis by itself: the lattice is small, the grid is not.
            out = ndimage.spline_filter1d(out, 3, axis, mode="grid-wrap", output=np.float32)
            out = np.moveaxis(
                _cubic(places, lattice.shape[axis]) @ np.moveaxis(out, axis, -2), -2, axis
            )
        return out / np.float32(0.8)


def _cubic(places: NDArray[np.float64], side: int) -> Field:
    """Weights ``(len(places), side)`` of the periodic cubic B-spline."""
    first = np.floor(places).astype(int)
    t = places - first
    weights = (
        (1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6, t**3 / 6,
    )  # fmt: skip
    matrix = np.zeros((len(places), side), np.float32)
    for shift, weight in enumerate(weights, -1):
        np.add.at(matrix, (np.arange(len(places)), (first + shift) % side), weight)
    return matrix


def _inside(distance: Field, width: float) -> Field:
    """Share of a sample that lies inside, from the signed distance to the border in mm."""
    return np.clip(np.float32(0.5) - distance / np.float32(width), 0, 1)


class Abdomen:
    """One patient: everything follows from the seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = np.random.default_rng([seed, 21])
        draw = self.rng.uniform
        self.wide = float(draw(140, 172))
        self.deep = float(self.wide * draw(0.62, 0.72))
        self.belly_fat = float(draw(0.06, 0.16) * self.wide)
        self.cavity = (self.wide - self.belly_fat - 14, self.deep - 0.8 * self.belly_fat - 14)
        self.liver_fat = float(np.clip(self.rng.gamma(1.2, 0.05), 0, 0.35))
        self.tissues = {
            name: tuple(float(v * np.exp(self.rng.normal(0, 0.09))) for v in three)
            for name, three in _TISSUES.items()
        }
        self.jitter = {
            name: self.rng.normal(0, 5, 3) for name in ("liver", "spleen", "right", "left")
        }
        self.sizes = {name: float(draw(0.88, 1.12)) for name in self.jitter}

    def geometry(self, shape: tuple[int, int, int] = (28, 128, 128)) -> Geometry:
        """An axial grid that covers the upper abdomen."""
        rng = np.random.default_rng([self.seed, 22])
        pixel = 2.16 * self.wide / shape[2] * float(rng.uniform(1, 1.1))
        thick = 205 / shape[0] * float(rng.uniform(0.95, 1.05))
        origin = (
            -(shape[2] - 1) / 2 * pixel, -(shape[1] - 1) / 2 * pixel, 88 - (shape[0] - 1) * thick,
        )  # fmt: skip
        spacing = tuple(round(v, 4) for v in (thick, pixel, pixel))
        return Geometry(shape, spacing, tuple(round(v, 3) for v in origin))

    def render(self, shape: tuple[int, int, int] = (28, 128, 128)) -> AbdomenScan:
        """Images of all phases, and the codes of the organs, on the grid of `geometry`."""
        geometry = self.geometry(shape)
        water, fat, bright, shares = self._tissue(geometry)
        codes = np.where(
            np.max(list(shares.values()), 0) > 0.5, np.argmax(list(shares.values()), 0) + 1, 0
        ).astype(np.uint8)
        rng = np.random.default_rng([self.seed, 23])
        bias = self._bias(geometry, rng)
        gain, sigma = float(rng.uniform(3.2, 5.5)), float(rng.uniform(3.5, 8.0))
        signals: dict[Phase, Field] = {"in": water + fat, "out": np.abs(water - fat), "t2": bright}
        images: dict[Phase, NDArray[np.uint16]] = {}
        for phase, signal in signals.items():
            blurred = ndimage.gaussian_filter(signal, (0, 0.55, 0.55)) * bias
            real, other = (rng.normal(0, sigma, shape).astype(np.float32) for _ in range(2))
            magnitude = np.hypot(blurred + real, other) * gain
            images[phase] = np.clip(magnitude, 0, 4095).astype(np.uint16)
        return AbdomenScan(images, codes, geometry)

    def _axes(self, geometry: Geometry) -> tuple[Field, Field, Field]:
        x0, y0, z0 = geometry.origin or (0.0, 0.0, 0.0)
        spacing = geometry.require_spacing()
        z, y, x = (
            (start + mm * np.arange(n)).astype(np.float32)
            for start, mm, n in zip((z0, y0, x0), spacing, geometry.shape, strict=True)
        )
        return z[:, None, None], y[None, :, None], x[None, None, :]

    def _bias(self, geometry: Geometry, rng: np.random.Generator) -> Field:
        z, y, x = self._axes(geometry)
        noise = _Noise(rng, (z, y, x))
        coil = (x / self.wide) ** 2 + (y / self.deep) ** 2 - 0.6
        tilt = rng.uniform(-0.2, 0.2, 3)
        slope = tilt[0] * x / 200 + tilt[1] * y / 150 + tilt[2] * z / 120
        gain: Field = np.exp(0.25 * noise(170) + float(rng.uniform(0.15, 0.35)) * coil + slope)
        return gain

    def _tissue(self, geometry: Geometry) -> tuple[Field, Field, Field, dict[str, Field]]:
        """Water, fat, T2 brightness ``(Z, Y, X)`` and the share of every organ."""
        z, y, x = self._axes(geometry)
        noise = _Noise(np.random.default_rng([self.seed, 9]), (z, y, x))
        wave = 4 * noise(60) + 1.6 * noise(28)
        fine = noise(14)
        paint = _Paint(geometry, self.tissues)
        half_wide, half_deep = self.cavity
        body = _oval(z, y, x, (0, 0, 0), (self.wide, self.deep, 1e4)) + 0.5 * wave
        wall = _oval(z, y, x, (0, 0, 0), (half_wide + 14, half_deep + 13, 1e4)) + 0.5 * wave
        cavity = _oval(z, y, x, (0, -2, 0), (half_wide, half_deep, 1e4)) + 0.6 * wave
        paint("fat", _inside(body, paint.edge), 1 + 0.05 * fine)
        paint("muscle", _inside(wall, paint.edge), 1 + 0.05 * fine)
        paint("fat", _inside(cavity, paint.edge), 1 + 0.06 * fine)
        loops = np.abs(noise(26)) * 9 - 5
        low = _inside(z + 8 + 5 * noise(60), 20) * _inside(cavity + 6, 5)
        paint("gut", _inside(loops, 3) * low, 1 + 0.2 * fine)
        paint("gas", _inside(loops + 4.2, 3) * low * _inside(y + 10, 10))
        self._spine(paint, z, y, x, half_deep)
        shares = self._organs(paint, (z, y, x), cavity, wave, fine, noise)
        return paint.water, paint.fat, paint.bright, shares

    def _spine(self, paint: _Paint, z: Field, y: Field, x: Field, deep: float) -> None:
        back = 0.62 * deep
        disc = 1 - 0.25 * _inside(np.abs(np.mod(z, 33) - 16.5) - 3, 2)
        paint("bone", _inside(_oval(z, y, x, (0, back, 0), (23, 18, 1e4)), 3), disc)
        paint("bone", _inside(_oval(z, y, x, (0, back + 27, 0), (34, 9, 1e4)), 3), 0.8)
        paint("spinal", _inside(_oval(z, y, x, (0, back + 24, 0), (9, 8, 1e4)), 3))
        paint("vessel", _inside(np.hypot(x - 9, y - back + 31) - 10, 3))
        paint("vessel", _inside(np.hypot((x + 19) / 1.2, y - back + 28) - 9, 3), 1.1)

    def _organs(
        self,
        paint: _Paint,
        axes: tuple[Field, Field, Field],
        cavity: Field,
        wave: Field,
        fine: Field,
        noise: _Noise,
    ) -> dict[str, Field]:
        """Stomach, liver, spleen and kidneys, the latter three as shares of their samples."""
        z, y, x = axes
        wide, deep = self.cavity
        dome = z - 74 + 60 * (((np.abs(x) - 0.45 * wide) / (0.62 * wide)) ** 2 + (y / deep) ** 2)
        dome = 0.8 * dome + 0.4 * wave
        kidneys = {}
        for side, sign, height in (("right", -1, -50), ("left", 1, -36)):
            shift, size = self.jitter[side], self.sizes[side]
            place = (sign * 0.42 * wide + shift[0], 0.42 * deep + shift[1], height + shift[2])
            radii = (25 * size, 30 * size, 54 * size)
            outer = _oval(z, y, x, place, radii, sign * 0.7) + 0.3 * wave
            sinus = (place[0] - sign * 15, place[1] - 6, place[2])
            kidneys[side] = outer, _oval(z, y, x, sinus, (13, 13, 28), sign * 0.7) + fine
        stomach = _oval(z, y, x, (0.4 * wide, -0.3 * deep, 24), (40, 34, 52)) + wave
        spleen = _oval(
            z, y, x, np.array([0.72 * wide, 0.42 * deep, 26]) + self.jitter["spleen"],
            np.array([30, 46, 52]) * self.sizes["spleen"], -0.3,
        ) + 0.6 * wave  # fmt: skip
        spleen = np.maximum.reduce([spleen, cavity + 2.5, dome + 2, 2.5 - kidneys["left"][0]])
        right = _oval(
            z, y, x, np.array([-0.47 * wide, 0.02 * deep, 2]) + self.jitter["liver"],
            np.array([0.57 * wide, 0.96 * deep, 84]) * self.sizes["liver"],
        )  # fmt: skip
        left = _oval(z, y, x, (0.05 * wide, -0.5 * deep, 24), (0.5 * wide, 0.4 * deep, 36))
        gall = _oval(z, y, x, (-0.4 * wide, -0.4 * deep, -38), (13, 15, 22)) + 0.4 * wave
        back = _oval(z, y, x, (0, 0.6 * deep, 0), (44, 36, 1e4))
        liver = np.maximum.reduce(
            [np.minimum(right, left) + wave, cavity + 2.2, dome + 2, 1 - back,
             4 - kidneys["right"][0], 1.2 - gall]
        )  # fmt: skip
        stomach = np.maximum.reduce([stomach, cavity + 3, dome + 3, 2 - liver, 2 - spleen])
        edge = paint.edge
        paint("stomach", _inside(stomach, edge), 1 + 0.15 * fine)
        paint("lung", _inside(2 - dome, edge) * _inside(cavity, edge) * _inside(4 - back, 4))
        inside = {"liver": _inside(liver, edge), "spleen": _inside(spleen, edge)}
        paint("liver", inside["liver"], 1 + 0.025 * fine, self.liver_fat)
        vessels = np.hypot(noise(40), noise(40)) * 16 - 3
        paint("vessel", _inside(vessels, 2.5) * _inside(liver + 5, 4) * 0.8)
        paint("gall", _inside(gall, edge) * _inside(cavity, edge))
        paint("spleen", inside["spleen"], 1 + 0.02 * fine)
        for side, (body, hilum) in kidneys.items():
            whole = _inside(np.maximum(body, cavity + 1), edge)
            paint("kidney", whole, 1 + 0.06 * np.abs(fine))
            core = _inside(hilum, edge) * whole
            paint("sinus", core)
            inside[f"{side} kidney"] = whole * (1 - core)
        return {organ: inside[organ] for organ in ORGANS}


def _oval(
    z: Field, y: Field, x: Field, centre: object, radii: object, turned: float = 0.0
) -> Field:
    """Signed distance to an ellipsoid in mm, near its border; negative inside."""
    cx, cy, cz = np.asarray(centre, np.float32)
    rx, ry, rz = np.asarray(radii, np.float32)
    c, s = np.float32(np.cos(turned)), np.float32(np.sin(turned))
    u, v, w = (x - cx) * c + (y - cy) * s, (y - cy) * c - (x - cx) * s, z - cz
    k = np.sqrt((u / rx) ** 2 + (v / ry) ** 2 + (w / rz) ** 2)
    slope = np.sqrt((u / rx**2) ** 2 + (v / ry**2) ** 2 + (w / rz**2) ** 2) + np.float32(1e-4)
    distance: Field = k * (k - 1) / slope
    return distance


class _Paint:
    """Tissues laid over one another."""

    def __init__(self, geometry: Geometry, tissues: dict[str, tuple[float, ...]]) -> None:
        self.tissues = tissues
        self.edge = float(np.mean(geometry.require_spacing()[1:]) * 1.1)
        self.water, self.fat, self.bright = np.full((3, *geometry.shape), 1.0, np.float32)
        self.fat[:] = 0

    def __call__(
        self, name: str, share: Field, texture: Field | float = 1.0, fatty: float = 0.0
    ) -> None:
        """Cover ``share`` of every sample with a tissue, a part of whose water is fat."""
        water, fat, bright = (np.float32(v) for v in self.tissues[name])
        new = (
            water * np.float32(1 - 0.6 * fatty), fat + water * np.float32(fatty), bright,
        )  # fmt: skip
        for image, value in zip((self.water, self.fat, self.bright), new, strict=True):
            image += (value * texture - image) * share
