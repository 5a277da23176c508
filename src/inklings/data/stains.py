"""The two dyes of a section: found in its optical density, exchanged, and varied.

Light that passes tissue is weakened by a factor for each dye, so that in optical density
``-log(I / I0)`` a pixel is a sum of two fixed directions (Beer-Lambert; Ruifrok and Johnston 2001).
`Macenko` finds the directions of an image and replaces them by those of a reference (Macenko et
al., ISBI 2009); `Reinhard` matches means and deviations in a perceptual colour space (Reinhard et
al., IEEE CG&A 2001). Both leave glass alone, and an image without enough tissue comes back as it
was: the mean of nothing is not a colour.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab

from inklings.data.crops import Sample
from inklings.errors import SpecError

Rgb = NDArray[np.uint8]
Vectors = NDArray[np.float64]

REFERENCE: Vectors = np.array([[0.5626, 0.2159], [0.7201, 0.8012], [0.4062, 0.5581]])
"""Directions of haematoxylin and eosin in R, G, B, the columns; the usual target."""

REFERENCE_MOST = (1.9705, 1.0308)
"""99th percentile of either dye in the same target."""

_MIXING = REFERENCE.astype(np.float32)
_UNMIXING = np.linalg.pinv(_MIXING)
_GLASS = 240.0
_LEAST_SHARE = 0.01
_LEAST_PIXELS = 200


class Normaliser(Protocol):
    """``(3, H, W)`` uint8 to the same in the colours of a reference."""

    def __call__(self, rgb: Rgb) -> Rgb:
        """The image in the colours of the reference; as it was where there is no tissue."""

    def of_slide(self, tissue: Rgb) -> Normaliser:
        """The same for the tiles of a slide that was stained as ``tissue`` ``(3, n, 1)`` is."""


@dataclass(frozen=True)
class Stains:
    """What an image was stained with.

    Attributes:
        vectors: ``(3, 2)`` unit directions in optical density, haematoxylin and eosin.
        most: 99th percentile of the concentration of each.
    """

    vectors: Vectors
    most: tuple[float, float]


def optical_density(rgb: NDArray[np.uint8], glass: float = 240.0) -> NDArray[np.float64]:
    """``-log((I + 1) / glass)``, never negative; same shape as ``rgb``."""
    density: NDArray[np.float64] = np.maximum(-np.log((rgb.astype(np.float64) + 1) / glass), 0)
    return density


def find_stains(
    rgb: Rgb, faintest: float = 0.15, angle: float = 1.0, glass: float = 240.0
) -> Stains | None:
    """The two dyes of an image, by the extreme angles in the plane of its densities.

    The paper drops pixels of which any channel is faint, and with them pure eosin, which hardly
    weakens red; here the mean of the channels decides.

    Args:
        rgb: ``(3, H, W)``.
        faintest: Pixels of a lower mean density are glass (``beta``).
        angle: Percentile of the angle that stands for a pure dye (``alpha``).
        glass: Intensity of the empty slide (``I0``).

    Returns:
        None where there is too little tissue, or only one dye, to tell.
    """
    density = optical_density(rgb, glass).reshape(3, -1)
    tissue = density[:, density.mean(0) > faintest]
    if tissue.shape[1] < max(_LEAST_PIXELS, _LEAST_SHARE * density.shape[1]):
        return None
    values, vectors = np.linalg.eigh(np.cov(tissue))
    if not values[1] > 1e-6:
        return None
    plane = vectors[:, [2, 1]]
    plane = plane * np.where(plane.sum(0) < 0, -1, 1)
    along, across = plane.T @ tissue
    low, high = np.percentile(np.arctan2(across, along), (angle, 100 - angle))
    found = plane @ np.array([[np.cos(low), np.cos(high)], [np.sin(low), np.sin(high)]])
    if found[0, 0] < found[0, 1]:  # haematoxylin swallows more red
        found = found[:, ::-1]
    found = np.maximum(found, 0)
    found = found / np.linalg.norm(found, axis=0)
    if abs(found[:, 0] @ found[:, 1]) > 0.999:
        return None
    first, second = np.percentile(concentrations(tissue, found), 99, axis=1)
    return Stains(found, (float(first), float(second))) if min(first, second) > 0 else None


def concentrations(density: NDArray[np.float64], vectors: Vectors) -> NDArray[np.float64]:
    """Amount of either dye ``(2, N)`` in densities ``(3, N)``, by least squares."""
    amounts: NDArray[np.float64] = np.linalg.pinv(vectors) @ density
    return np.maximum(amounts, 0)


@dataclass(frozen=True)
class Macenko:
    """Each image's own dyes replaced by those of a reference, amounts matched at the top.

    Attributes:
        target: What to imitate; by default the usual reference.
        stains: Of the slide, where known; else found in each image by itself. A tile with little
            of one dye is normalised better by the stains of its slide.
        glass: Intensity of the empty slide.
    """

    target: Stains = Stains(REFERENCE, REFERENCE_MOST)
    stains: Stains | None = None
    glass: float = 240.0

    def __call__(self, rgb: Rgb) -> Rgb:
        """``(3, H, W)`` in the colours of the target; as it was where there is no tissue."""
        own = self.stains or find_stains(rgb, glass=self.glass)
        if own is None:
            return rgb
        density = optical_density(rgb, self.glass).reshape(3, -1)
        amounts = concentrations(density, own.vectors)
        amounts *= (np.array(self.target.most) / np.array(own.most))[:, None]
        light = self.glass * np.exp(-self.target.vectors @ amounts) - 1
        # What is brighter than the glass has no density to exchange and stays as it is.
        light = np.where(density.max(0) > 0, light, rgb.reshape(3, -1))
        return _eight_bits(light).reshape(rgb.shape)

    def of_slide(self, tissue: Rgb) -> Macenko:
        """The same with the stains of ``tissue`` ``(3, n, 1)``, where they can be told."""
        return replace(self, stains=find_stains(tissue, glass=self.glass))


@dataclass(frozen=True)
class Reinhard:
    """Mean and deviation of the tissue in CIELAB matched to those of a reference.

    Attributes:
        mean: Of L, a, b in the reference.
        deviation: Of the same.
        glass: Lightness from which a pixel is glass and stays as it is.
        own: Mean and deviation of the slide, where known; else found in each image by itself.
    """

    mean: tuple[float, float, float] = (66.1, 23.8, -16.2)
    deviation: tuple[float, float, float] = (13.4, 9.6, 7.5)
    glass: float = 92.0
    own: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    @classmethod
    def of(cls, rgb: Rgb) -> Reinhard:
        """With the tissue of ``rgb`` ``(3, H, W)`` as the reference.

        Raises:
            SpecError: If there is no tissue in it.
        """
        found = _moments(_lab(rgb), cls.glass)
        if found is None:
            raise SpecError("expected a reference with tissue in it, got a blank image")
        mean, deviation = (tuple(float(v) for v in values) for values in found)
        return cls((mean[0], mean[1], mean[2]), (deviation[0], deviation[1], deviation[2]))

    def __call__(self, rgb: Rgb) -> Rgb:
        """``(3, H, W)`` in the colours of the reference; as it was where there is no tissue."""
        lab = _lab(rgb)
        own = self.own or _moments(lab, self.glass)
        if own is None:
            return rgb
        matched = (lab - own[0]) / np.maximum(own[1], 1e-3) * self.deviation + self.mean
        # Between tissue and glass the change fades out, so that no seam is drawn around cells.
        fade = np.clip((self.glass + 4 - lab[..., :1]) / 8, 0, 1)
        mixed = lab2rgb(lab + fade * (matched - lab)) * 255
        return np.ascontiguousarray(np.moveaxis(_eight_bits(mixed), -1, 0))

    def of_slide(self, tissue: Rgb) -> Reinhard:
        """The same with mean and deviation of ``tissue`` ``(3, n, 1)``, where there is enough."""
        return replace(self, own=_moments(_lab(tissue), self.glass))


def _lab(rgb: Rgb) -> NDArray[np.float64]:
    lab: NDArray[np.float64] = rgb2lab(np.moveaxis(rgb, 0, -1))
    return lab


def _moments(
    lab: NDArray[np.float64], glass: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    tissue = lab[lab[..., 0] < glass]
    if len(tissue) < max(_LEAST_PIXELS, _LEAST_SHARE * lab[..., 0].size):
        return None
    return tissue.mean(0), tissue.std(0)


def _eight_bits(light: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class StainJitter:
    """More or less of either dye: a training sample as another laboratory would have stained it.

    The change is made in optical density, after undoing the normalisation of the sample. Dyes are
    those of the reference; Tellez et al. (IEEE TMI 2018) vary them in this way.

    Attributes:
        amount: Largest relative change of either dye, 0.2 draws factors of 0.8 to 1.2.
        shift: Largest amount added to either dye where there is any.
        probability: How often.
    """

    amount: float = 0.2
    shift: float = 0.02
    probability: float = 0.8

    def __post_init__(self) -> None:
        if not 0 <= self.amount < 1:
            raise SpecError(
                f"augmentation 'stain_jitter': expected 0 <= amount < 1, got {self.amount}"
            )

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """The sample, perhaps stained otherwise; images that are not in colour stay."""
        chance = rng.random()
        factors = (self.amount * rng.uniform(-1, 1, (2, 1))).astype(np.float32)
        shifts = (self.shift * rng.uniform(-1, 1, (2, 1))).astype(np.float32)
        if chance >= self.probability or len(sample.inputs) != 3:
            return sample
        # A sample that forgot its normalisation is taken for one in [-1, 1], as `half` makes it.
        centre, width = sample.scale or (np.float32(127.5), np.float32(127.5))
        light = np.maximum(sample.inputs * width + centre + 1, 1).reshape(3, -1)
        amounts = _UNMIXING @ np.maximum(-np.log(light * np.float32(1 / _GLASS)), 0)
        extra = amounts * factors + (amounts > 0.15) * shifts
        changed = np.minimum(light * np.exp(-_MIXING @ extra), 256) - 1
        inputs = (changed.reshape(sample.inputs.shape) - centre) / width
        kept = np.where(sample.valid, inputs, sample.inputs).astype(np.float32)
        return replace(sample, inputs=kept)
