"""Where there is tissue on a slide, found on a coarse view of about 8 um a sample.

``stained`` is the default. It asks what light each dye swallows: haematoxylin and eosin both take
green more than red, so that pale tissue differs from grey dirt by its hue, and ink from tissue by
which channel it darkens. The classical rules (Otsu 1979 on saturation or on optical density, a
fixed level for white) are here to be compared with, and for stains that ``stained`` refuses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from inklings.errors import ReaderError
from inklings.readers.image import Image
from inklings.readers.pyramid import Pyramid

SAMPLE_UM = 8.0
"""Side of a sample of the view in which tissue is looked for."""

_COARSEN = 16.0  # where the spacing is not known: 8 um on a slide scanned at 40x, 0.5 um
_MOST_SAMPLES = 8_000_000  # of the view: 22 x 22 mm at 8 um
_GLASS = 245.0
Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]


class TissueMethod(Protocol):
    """RGB ``(3, h, w)`` uint8 of a coarse view to where there is tissue, ``(h, w)``."""

    def __call__(self, rgb: NDArray[np.uint8]) -> Mask:
        """True on tissue."""


@dataclass(frozen=True)
class Tissue:
    """Where there is tissue on a slide.

    Attributes:
        mask: ``(h, w)`` on the coarse view.
        factor: Pixels of level 0 to a sample of the mask.
    """

    mask: Mask
    factor: float


def find_tissue(slide: Image, method: TissueMethod) -> Tissue:
    """Look for tissue on a coarse view of ``slide``, which must be in colour.

    Raises:
        ReaderError: If it is not in colour, or cannot be decoded.
    """
    if len(slide.channels) != 3:
        raise ReaderError(
            f"{slide.geometry.frame}: expected a slide in colour (R, G, B) to find tissue on, got "
            f"{', '.join(slide.channels)}"
        )
    factor = coarse_factor(slide)
    view = slide.shrunk(factor)
    return Tissue(method(view.read(view.geometry.full)), factor)


def coarse_factor(slide: Image) -> float:
    """How much coarser than level 0 to look: a level of the file if one is near 8 um a sample.

    A very large slide is looked at more coarsely, so that the view and what is worked out on it
    stay within some hundred megabytes.
    """
    spacing = slide.geometry.spacing
    wanted = _COARSEN if spacing is None else SAMPLE_UM / 1000 / spacing[0]
    wanted = min(wanted, max(1.0, min(slide.geometry.shape) / 32))
    least = math.sqrt(math.prod(slide.geometry.shape) / _MOST_SAMPLES)
    wanted = max(wanted, math.ceil(least))
    low = max(wanted / 2.5, least)
    there = slide.downsamples if isinstance(slide, Pyramid) else ()
    levels = [d for d in there if low <= d < wanted * 2.5]
    if levels:
        return float(min(levels, key=lambda d: abs(math.log(d / wanted))))
    return float(max(1, round(wanted)))


@dataclass(frozen=True)
class Stained:
    """Tissue that took haematoxylin and eosin, however pale; no ink, no black border, no dust.

    Attributes:
        faintest: Least difference of optical density between the channels swallowed most and
            least. Light that is uneven, and dirt, have none, so it can be low.
        least: Pieces of fewer samples are dirt.
        hole: Holes of fewer samples are lumens and count as tissue.
    """

    faintest: float = 0.018
    least: int = 40
    hole: int = 100

    def __call__(self, rgb: NDArray[np.uint8]) -> Mask:
        """True on tissue."""
        density, bright = _density(rgb)
        hue = density.max(0) - density.min(0)
        tissue = (hue > max(self.faintest, 5 * _noise(hue[bright]))) & ~ink(density)
        tissue = ndimage.binary_opening(tissue, np.ones((3, 3)))
        tissue &= ~_beyond_the_edge(tissue, hue)
        tissue = ~_without_small(~tissue, self.hole)
        return _without_small(tissue, self.least)


def _beyond_the_edge(tissue: Mask, hue: Plane) -> Mask:
    """Samples at the rim that hold less than half of the tissue's hue: they are mostly glass."""
    inner = ndimage.binary_erosion(tissue, iterations=2, border_value=1)
    beyond: Mask = tissue & ~inner & (hue < 0.45 * ndimage.maximum_filter(hue, 5))
    return beyond


def ink(density: Plane) -> Mask:
    """Pen of any colour, black borders and shadows, a little widened.

    Args:
        density: Optical density ``(3, h, w)`` of R, G, B.
    """
    red, green, blue = density
    deepest, faintest = density.max(0), density.min(0)
    # Both dyes swallow green most; blue and green pens swallow red most, red pens blue as well.
    cold = (red > 1.15 * green) & (deepest > 0.35) | (red > 1.4 * green) & (deepest > 0.08)
    warm = (blue > 0.8 * green) & (red < 0.35 * green) & (green > 0.9)
    black = (deepest - faintest < 0.15 * deepest) & (deepest > 0.7)
    marks = _without_small(cold | warm | black, 12)
    widened: Mask = ndimage.binary_dilation(marks, iterations=3)
    return widened


@dataclass(frozen=True)
class Saturation:
    """Otsu's threshold on the saturation of HSV.

    Attributes:
        faintest: The threshold is never below this, so that an empty slide stays empty.
    """

    faintest: float = 0.03

    def __call__(self, rgb: NDArray[np.uint8]) -> Mask:
        """True on tissue."""
        high, low = rgb.max(0).astype(np.float32), rgb.min(0).astype(np.float32)
        return _above((high - low) / np.maximum(high, 1), self.faintest)


@dataclass(frozen=True)
class Density:
    """Otsu's threshold on the optical density, mean of the channels: for any stain.

    Attributes:
        faintest: The threshold is never below this.
    """

    faintest: float = 0.05

    def __call__(self, rgb: NDArray[np.uint8]) -> Mask:
        """True on tissue."""
        return _above(_density(rgb)[0].mean(0), self.faintest)


@dataclass(frozen=True)
class White:
    """The rule of the reference pipelines: glass is where R, G and B all exceed a level.

    Attributes:
        level: 220 of 255.
    """

    level: int = 220

    def __call__(self, rgb: NDArray[np.uint8]) -> Mask:
        """True on tissue."""
        dark: Mask = rgb.min(0) <= self.level
        return dark


def _above(values: Plane, faintest: float) -> Mask:
    above: Mask = values > max(faintest, float(threshold_otsu(values)))  # type: ignore[no-untyped-call]
    return above


def _density(rgb: NDArray[np.uint8]) -> tuple[Plane, Mask]:
    """Optical density ``(3, h, w)`` against the glass, smoothed by 3 x 3; what may be glass."""
    bright = (rgb.min(0) >= 180) & (rgb.max(0).astype(np.int16) - rgb.min(0) <= 25)
    glass = _glass(rgb[:, bright], bright.mean())
    light = ndimage.uniform_filter(rgb.astype(np.float32), (0, 3, 3), mode="nearest")
    density = np.log((glass[:, None, None] + 1) / (light + 1)).astype(np.float32)
    return np.maximum(density, 0), bright


def _glass(bright: NDArray[np.uint8], share: float) -> NDArray[np.float64]:
    """RGB of the empty slide, from the bright samples ``(3, N)`` and their share of all."""
    if share < 0.002:
        return np.full(3, _GLASS)
    white = bright.min(0) >= 253
    toned = bright[:, ~white]
    middle: NDArray[np.float64] = np.median(bright, axis=1)
    if white.mean() > 0.1 and toned.shape[1] > 0.1 * bright.shape[1]:
        # White is what was never scanned where there is another, even tone: that one is glass.
        tone = np.median(toned, axis=1)
        even = np.median(np.abs(toned - tone[:, None]), axis=1).max() <= 2
        middle = tone if even else np.full(3, 255.0)
    return np.maximum(middle, 200.0)


def _noise(values: NDArray[Any]) -> float:
    """Spread of what is small: pale tissue among ``values`` does not widen it."""
    return float(np.percentile(values, 20)) if values.size else 0.0


def _without_small(mask: Mask, least: int) -> Mask:
    """``mask`` without its pieces of fewer than ``least`` samples."""
    numbers, _ = ndimage.label(mask)
    keep = np.bincount(numbers.ravel()) >= least
    keep[0] = False
    kept: Mask = keep[numbers]
    return kept
