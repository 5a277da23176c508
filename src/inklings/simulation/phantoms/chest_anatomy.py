"""The anatomy of one drawn chest: parameters from a seed, and where its organs lie.

Millimetres of the drawn patient: x to the left, y to the back, z to the head, 0 in the middle of
the chest. Distances are signed, negative inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.simulation.phantoms.chest_space import ChestGrid, F, Field, Waves, oval
from inklings.simulation.phantoms.chest_vessels import Tree, grow

HEIGHT = 240.0
_COARSE = (6.0, 5.0, 5.0)


@dataclass(frozen=True)
class Organs:
    """Signed distances ``(Z, Y, X)`` to the borders of what fills a chest, mm."""

    cavity: Field
    mediastinum: Field
    heart: Field
    diaphragm: Field
    lung: Field


class Anatomy:
    """One patient: everything follows from the seed."""

    def __init__(self, seed: int) -> None:
        rng = self.rng = np.random.default_rng([seed, 41])
        draw = rng.uniform
        self.wide = float(draw(128, 146))
        self.deep = float(self.wide * draw(0.66, 0.74))
        self.fat = float(draw(0.05, 0.14) * self.wide)
        self.raised = float(draw(-3, 3))
        self.waves = Waves(rng, 55.0), Waves(rng, 26.0), Waves(rng, 6.0)
        self.pleura = Waves(rng, 14.0), float(draw(0.7, 3.0)), float(draw(1.3, 2.2))
        self.half_wide = self.wide - self.fat - 17
        self.half_deep = self.deep - self.fat * 0.9 - 13
        self.back = 0.78 * self.half_deep
        self.ribs = float(draw(40, 56)), float(draw(26, 30)), float(draw(0, 26))
        self.vertebra = float(draw(0, 24))
        heart = float(draw(50, 57)) * min(1, self.wide / 150)
        self.heart = float(draw(22, 30)), float(-HEIGHT * draw(0.16, 0.22)), heart
        self.domes = float(draw(0.20, 0.24)), float(draw(0.14, 0.18))
        self.lung_hu = float(draw(-885, -835))
        self.contrast = float(rng.choice([0.0, 0.0, 140.0]))
        self.emphysema = float(draw(0, 1)) ** 3
        self.trees, self.lung_points = self._vessels()

    def noise(self, axes: tuple[Field, Field, Field]) -> tuple[Field, Field]:
        """The slow and the faster field that bend all borders."""
        return self.waves[0](*axes), self.waves[1](*axes)

    def body(self, axes: tuple[Field, Field, Field], slow: Field) -> Field:
        """Distance to the skin."""
        z, y, x = axes
        high = z / F(HEIGHT / 2)
        narrow = (1 - 0.05 * high**2 - 0.10 * np.clip(high - 0.45, 0, 1)).astype(F)
        return oval(x / narrow, y / narrow, self.wide, self.deep) + F(1.6) * slow

    def organs(self, axes: tuple[Field, Field, Field], slow: Field, fast: Field) -> Organs:
        """Distances on a grid of open axes."""
        z, y, x = axes
        cavity = self._cavity(axes, slow)
        mediastinum = self._mediastinum(axes, fast)
        hx, hz, size = self.heart
        heart = (
            np.sqrt(
                ((x - F(hx) + F(0.25) * (z - F(hz))) / F(1.15 * size)) ** 2
                + ((y + F(0.26 * self.half_deep)) / F(0.80 * size)) ** 2
                + ((z - F(hz)) / F(1.05 * size)) ** 2
            )
            - 1
        ) * F(size * 0.82) + F(1.2) * fast
        diaphragm = self._diaphragm(axes, slow)
        lung = np.maximum(cavity, -mediastinum)
        np.maximum(lung, -heart, out=lung)
        np.maximum(lung, diaphragm, out=lung)
        lung += F(0.7) * fast
        lung += self._pleura(axes)
        return Organs(cavity, mediastinum, heart, diaphragm, lung)

    def _cavity(self, axes: tuple[Field, Field, Field], slow: Field) -> Field:
        z, y, x = axes
        low, high = F(-HEIGHT / 2), F(HEIGHT / 2 - 16)
        up = np.clip((z - low) / (high - low), 0, 1)
        scale = np.maximum(np.sqrt(1 - up**5.5) * (0.90 + 0.1 * (1 - up)), 0.02).astype(F)
        flat = oval(
            x / scale, (y - 1) / (F(0.35) + F(0.65) * scale), self.half_wide, self.half_deep
        )
        distance: Field = flat * np.minimum(1, F(0.3) + scale) + F(1.2) * slow
        return distance

    def _mediastinum(self, axes: tuple[Field, Field, Field], fast: Field) -> Field:
        z, y, x = axes
        hilum = np.exp(-(((z - 12) / 34) ** 2)) * np.exp(-(((y + 2) / 24) ** 2))
        half = F(15) + 9 * np.clip(-y / F(self.half_deep), -1, 1) ** 2 + 9 * hilum
        spine = oval(x, y - F(self.back - 2), 25, 21)
        distance: Field = np.minimum(np.abs(x - 3) - half.astype(F) - F(1.6) * fast, spine)
        return distance

    def _diaphragm(self, axes: tuple[Field, Field, Field], slow: Field) -> Field:
        z, y, x = axes
        right = (x < 0).astype(F)
        sign = 1 - 2 * right
        tops = [F(-HEIGHT / 2 + HEIGHT * share) for share in self.domes]
        top = tops[0] * right + tops[1] * (1 - right)
        bowl = ((x - sign * F(0.48 * self.half_wide)) / F(0.62 * self.half_wide)) ** 2
        bowl = bowl + ((y + 6) / F(1.05 * self.half_deep)) ** 2
        distance: Field = top - F(42) * bowl - z + 2 * slow
        return distance

    def _pleura(self, axes: tuple[Field, Field, Field]) -> Field:
        """Bumps of the pleura: fat pads, plaques and scars that are no nodules.

        Broad and flat, as these are: at least four times as wide as high. Whatever stood out like
        a knob would be a nodule to any reader, and nothing would tell the two apart.
        """
        waves, highest, rare = self.pleura
        over = np.maximum(waves(*axes) - F(rare), 0) * F(2.5)
        bumps: Field = F(highest) * (1 - np.exp(-over / F(highest)))
        return bumps

    def bump(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Height of the bumps of the pleura at ``points (N, 3)``, ``(z, y, x)`` mm as drawn."""
        places = (points + np.array([0.0, self.raised, 0.0])).astype(F)
        lines = [self._pleura(tuple(p.reshape(3, 1, 1, 1))).item() for p in places]
        return np.array(lines)

    def lung_distance(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance to the border of the lung at ``points (N, 3)``, ``(z, y, x)`` mm as drawn."""
        out = np.empty(len(points))
        for k, (z, y, x) in enumerate(points + np.array([0.0, self.raised, 0.0])):
            axes = (np.full((1, 1, 1), z, F), np.full((1, 1, 1), y, F), np.full((1, 1, 1), x, F))
            out[k] = self.organs(axes, *self.noise(axes)).lung.item()
        return out

    def _vessels(self) -> tuple[tuple[Tree, ...], NDArray[np.float64]]:
        """Trees of both lungs, and points within them that they reach for, as drawn."""
        shape, spacing = (40, 44, 62), np.array(_COARSE)
        origin = -np.array(shape) * spacing / 2 + spacing / 2
        grid = ChestGrid(shape, _COARSE, tuple(origin.tolist()), self.raised)
        axes = grid.axes()
        lung = self.organs(axes, *self.noise(axes)).lung
        points = np.argwhere(lung < -3) * spacing + origin
        trees = []
        for sign in (-1, 1):
            half = points[points[:, 2] * sign > 4]
            for artery, hilum, count, thickest in (
                (True, [10.0, 2.0, sign * 32.0], 520, 6.5),
                (False, [-8.0, -8.0, sign * 30.0], 330, 5.5),
            ):
                chosen = self.rng.choice(len(half), min(len(half), count), replace=False)
                ends = half[chosen] + self.rng.uniform(-0.5, 0.5, (len(chosen), 3)) * spacing
                trees.append(grow(self.rng, np.array(hilum), ends, thickest, artery))
        return tuple(trees), points
