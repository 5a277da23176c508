"""Dense conditional random field: probabilities that follow the edges of the image.

Every pixel is tied to every other: to near ones (smoothness), and to those that are not far and
of like colour (appearance). Mean-field inference alternates filtering and normalising.

The smoothness kernel is a separable Gaussian, cut at five standard deviations; the appearance
kernel is filtered on the permutohedral lattice in five dimensions, as in the reference.

Reference:
    Krähenbühl & Koltun, *Efficient Inference in Fully Connected CRFs with Gaussian Edge
    Potentials*, NeurIPS 2011. https://arxiv.org/abs/1210.5644
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from inklings.errors import DataError, SpecError
from inklings.inference.lattice import Lattice
from inklings.predictions.numbers import quantise

_TINY = 1e-20
_REACH = 5
_CUTS = (0.02, 0.98)
"""Thresholds beyond these are moved to them: odds there are noise of the 8 bits of a map."""
CERTAINTY = 0.8
"""That a label is right, in the reference (``gt_prob``)."""


@dataclass(frozen=True)
class CRF:
    """Kernels and number of iterations; the defaults are those of the widely used code.

    Attributes:
        smooth_sigma: Width of the smoothness kernel in samples.
        smooth_weight: What two unlike labels side by side cost.
        position_sigma: Reach of the appearance kernel in samples.
        colour_sigma: Width of it in colour, of 0 to 255.
        appearance_weight: What two unlike labels on like colours cost.
        iterations: Of mean-field inference.
    """

    smooth_sigma: float = 3.0
    smooth_weight: float = 3.0
    position_sigma: float = 80.0
    colour_sigma: float = 13.0
    appearance_weight: float = 10.0
    iterations: int = 5

    @classmethod
    def of(cls, options: Mapping[str, float]) -> CRF:
        """From options by name, as an experiment file gives them.

        Raises:
            SpecError: If a name is unknown or a value impossible.
        """
        known = [entry.name for entry in fields(cls)]
        wrong = [name for name in options if name not in known]
        if wrong:
            raise SpecError(f"crf: no option {wrong[0]!r}; there are {', '.join(known)}")
        values: dict[str, Any] = dict(options)
        if odd := [name for name, value in values.items() if not isinstance(value, int | float)]:
            raise SpecError(f"crf: expected a number for {odd[0]}, got {values[odd[0]]!r}")
        if "iterations" in values:
            values["iterations"] = int(values["iterations"])
        return cls(**values)

    def __post_init__(self) -> None:
        widths = (self.smooth_sigma, self.position_sigma, self.colour_sigma)
        if min(widths) <= 0 or min(self.smooth_weight, self.appearance_weight) < 0:
            raise SpecError(f"crf: expected positive widths and weights from 0 on, got {self}")
        if self.iterations < 0:
            raise SpecError(f"crf: expected iterations from 0 on, got {self.iterations}")

    def refine(self, image: NDArray[Any], energies: NDArray[np.floating]) -> NDArray[np.float32]:
        """Posterior marginals.

        Args:
            image: ``(C, H, W)`` of 0 to 255.
            energies: ``(K, H, W)`` unary energies, the negative logarithms of probabilities.

        Returns:
            ``(K, H, W)``, summing to one over ``K``.

        Raises:
            DataError: If the two do not fit, or the energies are not finite.
        """
        if image.ndim != 3 or energies.ndim != 3 or image.shape[1:] != energies.shape[1:]:
            raise DataError(
                f"crf: expected an image (C, H, W) and energies (K, H, W) on one grid, got "
                f"{image.shape} and {energies.shape}"
            )
        if len(energies) < 2 or not np.isfinite(energies).all():
            raise DataError("crf: expected finite energies of two or more labels")
        size = image.shape[1:]
        unary = torch.from_numpy(np.ascontiguousarray(energies, np.float32)).flatten(1).T
        kernels = [
            (weight, _normalised(blur, math.prod(size)))
            for weight, blur in (
                (self.smooth_weight, _Smooth(size, self.smooth_sigma)),
                (self.appearance_weight, self._appearance(image).filter),
            )
            if weight
        ]
        beliefs = torch.softmax(-unary, 1)
        for _ in range(self.iterations):
            messages = torch.zeros_like(unary)
            for weight, blur in kernels:
                messages += weight * blur(beliefs)
            beliefs = torch.softmax(messages - unary, 1)
        out: NDArray[np.float32] = beliefs.T.reshape(energies.shape).contiguous().numpy()
        return out

    def _appearance(self, image: NDArray[Any]) -> Lattice:
        y, x = np.mgrid[: image.shape[1], : image.shape[2]].astype(np.float32)
        colours = image.astype(np.float32) / self.colour_sigma
        features = np.concatenate([np.stack([y, x]) / self.position_sigma, colours])
        return Lattice(torch.from_numpy(features.reshape(len(features), -1).T.copy()))


def energies_of_labels(
    labels: NDArray[np.integer], count: int, certainty: float = CERTAINTY
) -> NDArray[np.float32]:
    """Unary energies of a label image.

    Args:
        labels: ``(H, W)``, 0 to ``count - 1``; a negative one says nothing.
        count: Number of labels, ``K``.
        certainty: Probability that a label is right.

    Returns:
        ``(K, H, W)``.

    Raises:
        DataError: If a label is out of range.
        SpecError: If ``certainty`` does not lie between chance and 1.
    """
    if not 1 / count < certainty < 1:
        raise SpecError(
            f"crf: expected certainty between 1/{count} and 1, got {certainty}; with less, a "
            "label would speak for the others"
        )
    if labels.size and labels.max() >= count:
        raise DataError(f"crf: expected labels below {count}, got {labels.max()}")
    wrong = -math.log((1 - certainty) / (count - 1))
    energies = np.full((count, *labels.shape), wrong, np.float32)
    for k in range(count):
        energies[k][labels == k] = -math.log(certainty)
    energies[:, labels < 0] = math.log(count)
    return energies


def energies_of_probabilities(probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
    """Unary energies ``(K, H, W)`` of probabilities that sum to one over ``K``."""
    clipped = np.clip(probabilities, 1e-5, 1).astype(np.float32)
    energies: NDArray[np.float32] = -np.log(clipped)
    return energies


def sharpen(
    image: NDArray[Any], probability: NDArray[np.floating], crf: CRF | None = None
) -> NDArray[np.float32]:
    """One class against the rest: ``(H, W)`` probability in [0, 1], refined along edges."""
    both = np.stack([1 - probability, probability])
    marginals = (crf or CRF()).refine(image, energies_of_probabilities(both))
    refined: NDArray[np.float32] = marginals[1]
    return refined


def along_edges(
    image: NDArray[Any],
    dense: NDArray[np.uint8],
    thresholds: Sequence[float],
    crf: CRF | None = None,
) -> NDArray[np.uint8]:
    """Quantised probabilities of a picture along its edges; thresholds mean what they meant.

    Each class is told from the rest on its own: odds are even at its threshold before and after.

    Args:
        image: ``(C, H, W)`` samples of any type; three of them at most are colours.
        dense: ``(K, H, W)``, 255 is certainty; channels without a threshold stay as they are.
        thresholds: One a class.
        crf: The kernels; those of the reference if None.

    Raises:
        DataError: If it is no picture, or the two do not lie on one grid.
        SpecError: If a threshold is too close to 0 or 1.
    """
    if dense.ndim != 3 or image.ndim != 3:
        raise DataError(
            f"crf: expected a picture (two dimensions), got probabilities of {dense.shape[1:]}"
        )
    if wrong := [cut for cut in thresholds if not _CUTS[0] <= cut <= _CUTS[1]]:
        raise SpecError(f"crf: expected thresholds from {_CUTS[0]} to {_CUTS[1]}, got {wrong[0]:g}")
    seen, refined = colours(image), dense.copy()
    for k, cut in enumerate(thresholds):
        even = sharpen(seen, even_at(dense[k].astype(np.float32) / 255, cut), crf)
        refined[k] = quantise(even_at(even, 1 - cut))
    return refined


def colours(image: NDArray[Any]) -> NDArray[np.float32]:
    """What the CRF takes as colours, ``(C, H, W)`` of 0 to 255, C at most 3."""
    seen = image[:3].astype(np.float32)
    if image.dtype == np.uint8:
        return seen
    span = max(float(seen.max() - seen.min()), 1e-9)
    spread: NDArray[np.float32] = (seen - seen.min()) * (255 / span)
    return spread


def even_at(probability: NDArray[np.floating], cut: float) -> NDArray[np.float32]:
    """The probability whose odds are even where they were those of ``cut``."""
    cut = min(max(cut, _CUTS[0]), _CUTS[1])
    odds = np.log(np.clip(probability, 1e-4, None) / np.clip(1 - probability, 1e-4, None))
    scaled: NDArray[np.float32] = 1 / (1 + np.exp(np.log(cut / (1 - cut)) - odds))
    return scaled.astype(np.float32)


class _Smooth:
    """A separable Gaussian over the grid, zero beyond its edge."""

    def __init__(self, size: tuple[int, ...], sigma: float) -> None:
        reach = math.ceil(_REACH * sigma)
        taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
        self.size, self.taps, self.reach = size, taps.float(), reach

    def __call__(self, signal: Tensor) -> Tensor:
        x = signal.T.reshape(-1, 1, *self.size)
        x = F.conv2d(x, self.taps[None, None, :, None], padding=(self.reach, 0))
        x = F.conv2d(x, self.taps[None, None, None, :], padding=(0, self.reach))
        return x.flatten(1).T


def _normalised(blur: Callable[[Tensor], Tensor], count: int) -> Callable[[Tensor], Tensor]:
    """The symmetric normalisation ``D^-1/2 K D^-1/2`` of a kernel."""
    scale = (blur(torch.ones(count, 1)) + _TINY).rsqrt()
    return lambda signal: scale * blur(scale * signal)
