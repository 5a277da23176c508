"""Light through stained tissue: haematoxylin and eosin densities to RGB (Beer-Lambert)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inklings.simulation.phantoms.fields import Plane

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Stain:
    """The colours of one laboratory.

    Attributes:
        haematoxylin: Optical density of one unit of the nuclear stain in R, G, B.
        eosin: The same for the counterstain.
        glass: RGB of the empty slide, 0 to 255.
        strengths: How much of each stain the section took.
    """

    haematoxylin: Colour
    eosin: Colour
    glass: Colour = (246.0, 245.0, 246.0)
    strengths: tuple[float, float] = (1.0, 1.0)

    def varied(self, rng: np.random.Generator, hue: float = 0.07, amount: float = 0.13) -> Stain:
        """The same laboratory on another day: log-normal changes of hue and strength."""
        return replace(
            self,
            haematoxylin=_scaled(self.haematoxylin, np.exp(rng.normal(0, hue, 3))),
            eosin=_scaled(self.eosin, np.exp(rng.normal(0, hue, 3))),
            strengths=(
                self.strengths[0] * float(np.exp(rng.normal(0, amount))),
                self.strengths[1] * float(np.exp(rng.normal(0, amount))),
            ),
        )

    def develop(self, haematoxylin: Plane, eosin: Plane, noise: Plane) -> NDArray[np.uint8]:
        """RGB ``(3, H, W)`` of two stain densities ``(H, W)``; ``noise`` is in grey levels."""
        h, e = haematoxylin * self.strengths[0], eosin * self.strengths[1]
        rgb = np.empty((3, *h.shape), np.uint8)
        for c in range(3):
            density = h * np.float32(self.haematoxylin[c]) + e * np.float32(self.eosin[c])
            light = np.exp(-density) * np.float32(self.glass[c]) + noise
            rgb[c] = np.clip(light + np.float32(0.5), 0, 255)
        return rgb


def _scaled(colour: Colour, factors: NDArray[np.float64]) -> Colour:
    r, g, b = (float(c * f) for c, f in zip(colour, factors, strict=True))
    return r, g, b


STAINS: tuple[Stain, ...] = (
    Stain((0.60, 0.68, 0.34), (0.10, 0.62, 0.30), strengths=(1.00, 0.92)),
    Stain((0.72, 0.76, 0.30), (0.17, 0.84, 0.26), strengths=(1.12, 0.98)),
    Stain((0.66, 0.74, 0.32), (0.14, 0.72, 0.32), strengths=(1.05, 0.90)),
)
