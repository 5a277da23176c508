"""Strokes of a felt pen on the glass, as pathologists leave them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_INKS = ((40, 70, 160), (30, 120, 70), (25, 25, 30))


@dataclass(frozen=True)
class Pen:
    """A stroke: its points ``(N, 2)`` in um, half its width and its colour."""

    points: NDArray[np.float64]
    half: float
    colour: tuple[int, int, int]

    def meets(self, low: tuple[float, float], high: tuple[float, float]) -> bool:
        """Whether it may reach into a box, um."""
        near, far = self.points.min(0) - self.half, self.points.max(0) + self.half
        return bool((near < high).all() and (far > low).all())

    def stroke(
        self, rgb: NDArray[np.uint8], y: NDArray[np.float64], x: NDArray[np.float64]
    ) -> None:
        """Draw on ``rgb (h, w, 3)``: ink is transparent, it takes away light like a stain."""
        nearest = np.full(rgb.shape[:2], np.inf, np.float32)
        rows, columns = y[:, None].astype(np.float32), x[None].astype(np.float32)
        for a, b in zip(self.points[:-1], self.points[1:], strict=True):
            v = (b - a).astype(np.float32)
            down, right = rows - np.float32(a[0]), columns - np.float32(a[1])
            t = np.clip((down * v[0] + right * v[1]) / (v @ v), 0, 1)
            np.minimum(nearest, (down - t * v[0]) ** 2 + (right - t * v[1]) ** 2, out=nearest)
        ink = np.clip((self.half - np.sqrt(nearest)) / 6 + 0.5, 0, 1)[..., None] * np.float32(0.85)
        through = 1 - ink * (1 - np.array(self.colour, np.float32) / 255)
        rgb[:] = np.rint(rgb * through).astype(np.uint8)


def drawn_pens(
    rng: np.random.Generator, extent: tuple[float, float], count: int | None
) -> tuple[Pen, ...]:
    """``count`` strokes on a slide of an extent in um; None leaves the number to chance."""
    chance = int(rng.choice([0, 0, 1, 2]))
    pens = []
    for _ in range(chance if count is None else count):
        turn = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.35, 9))
        steps = np.stack([np.sin(turn), np.cos(turn)], axis=1) * rng.uniform(80, 260)
        points = rng.uniform((0, 0), extent) + np.cumsum(steps, axis=0)
        pens.append(Pen(points, float(rng.uniform(25, 60)), _INKS[rng.integers(len(_INKS))]))
    return tuple(pens)
