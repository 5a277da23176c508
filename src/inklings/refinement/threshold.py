"""The threshold that scores best on held-out images."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.errors import LabelError

_PLATEAU = 0.001  # Dice that is not worth a threshold at the end of a plateau


@dataclass(frozen=True)
class Chosen:
    """A threshold and what it scored.

    Attributes:
        threshold: Probability from which a sample belongs to the class.
        dice: Mean Dice over the images at this threshold, in [0, 1].
        images: How many images had a say.
    """

    threshold: float
    dice: float
    images: int


def choose_threshold(
    probabilities: Iterable[NDArray[np.uint8]],
    masks: Iterable[NDArray[np.bool_]],
    known: Iterable[NDArray[np.bool_]] | None = None,
) -> Chosen:
    """The threshold of the highest mean Dice per image.

    Near the best threshold Dice is flat, so the middle of all thresholds within 0.001 of the
    best is taken, which changes less from one set of images to the next. An image whose mask is
    empty scores 1 where nothing is predicted and 0 otherwise.

    Args:
        probabilities: One ``(*S)`` an image, quantised, 255 is certainty.
        masks: One ``(*S)`` an image, the truth.
        known: One ``(*S)`` an image, where the truth is a fact; everywhere if None.

    Raises:
        LabelError: If there is no image with a known sample.
    """
    facts = itertools.repeat(None) if known is None else known
    curves = [
        dice_by_level(*((p, mask) if fact is None else (p[fact], mask[fact])))
        for p, mask, fact in zip(probabilities, masks, facts, strict=False)
        if fact is None or fact.any()
    ]
    if not curves:
        raise LabelError(
            "cannot choose a threshold: expected held-out images with labels, got none"
        )
    mean = np.mean(curves, axis=0)
    best = np.flatnonzero(mean >= mean.max() - _PLATEAU)
    near = best[np.abs(best - best.mean()).argmin()]
    return Chosen(float((near + 1) / 255), float(mean[near]), len(curves))


def dice_by_level(probability: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Dice of ``probability >= level`` for the levels 1..255, ``(255,)``, by two histograms."""
    inside = np.bincount(probability[mask], minlength=256)
    everywhere = np.bincount(probability.ravel(), minlength=256)
    hit = np.cumsum(inside[::-1])[::-1][1:]
    said = np.cumsum(everywhere[::-1])[::-1][1:]
    total = said + mask.sum()
    return np.where(total > 0, 2 * hit / np.maximum(total, 1), 1.0)
