"""Increasing maps of one probability: temperature, scale and shift, beta.

All are one family, `sigmoid(a ln p - b ln(1 - p) + c)`, the beta calibration of Kull, Silva Filho
and Flach (2017): with ``a = b`` it is the scale and shift of the logit (Platt 1999), with ``c = 0``
too the temperature of Guo et al. (2017), ``T = 1 / a``. With ``a`` and ``b`` above 0 it rises, so
it changes what a probability means and never the order of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inklings.errors import DataError

Array = NDArray[np.float64]
Method = Literal["none", "temperature", "scale and shift", "beta"]
METHODS: tuple[Method, ...] = ("none", "temperature", "scale and shift", "beta")
"""From the one without a parameter to that with most, which is the order of preference."""

LEVELS = 256
EDGE = 1 / 1020
"""What level 0 of a stored map stands for: the middle of what is rounded to it."""


@dataclass(frozen=True)
class Map:
    """``sigmoid(a ln p - b ln(1 - p) + c)``; with these values nothing changes.

    Attributes:
        method: How it was found.
        a: Above 0.
        b: Above 0.
        c: Any number.
    """

    method: Method = "none"
    a: float = 1.0
    b: float = 1.0
    c: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.a < np.inf and 0 < self.b < np.inf and np.isfinite(self.c)):
            raise DataError(
                f"expected a map that rises, a and b above 0, got {self.a}, {self.b}, c {self.c}"
            )

    def __str__(self) -> str:
        numbers = {
            "none": "",
            "temperature": f" {1 / self.a:.4g}",
            "scale and shift": f" {self.a:.4g}, {self.c:.4g}",
            "beta": f" {self.a:.4g}, {self.b:.4g}, {self.c:.4g}",
        }
        return f"{self.method}{numbers[self.method]}"

    def logit(self, logit: NDArray[Any]) -> Array:
        """The logit of what a probability is mapped to, from its own logit."""
        x = np.asarray(logit, np.float64)
        if self.a == self.b:
            return np.asarray(self.a * x + self.c, np.float64)
        sure, unsure = -np.logaddexp(0, -x), -np.logaddexp(0, x)
        return np.asarray(self.a * sure - self.b * unsure + self.c, np.float64)

    def __call__(self, probability: NDArray[Any] | float) -> Array:
        """What probabilities are mapped to; 0 and 1 stay."""
        if self.method == "none":
            return np.asarray(probability, np.float64)
        p = np.asarray(probability, np.float64)
        with np.errstate(divide="ignore"):
            return np.asarray(expit(self.logit(np.log(p) - np.log1p(-p))), np.float64)

    @property
    def levels(self) -> NDArray[np.uint8]:
        """``(256,)``: the level that each level of a stored map becomes; never falls."""
        if self.method == "none":
            return np.arange(LEVELS, dtype=np.uint8)
        levels: NDArray[np.uint8] = np.rint(expit(self.logit(level_logits())) * 255).astype(
            np.uint8
        )
        return levels


def level_logits() -> Array:
    """``(256,)``: the logit that each level of a stored map stands for."""
    p = np.clip(np.arange(LEVELS) / 255, EDGE, 1 - EDGE)
    return np.asarray(np.log(p) - np.log1p(-p), np.float64)


def first_level(threshold: float) -> int:
    """The lowest level that reaches a threshold, as masks are cut; 256 where none does."""
    return int(np.argmax(np.append(np.arange(LEVELS) >= np.float32(threshold * 255), True)))


@dataclass(frozen=True)
class CutMap:
    """A map of levels that keeps the mask at one threshold.

    Attributes:
        levels: ``(256,)`` the level that each becomes.
        cut: The first level of the mask after it; 256 where nothing is in the mask.
        threshold: The probability to cut at after it.
    """

    levels: NDArray[np.uint8]
    cut: int
    threshold: float


def kept_at(change: Map, threshold: float) -> CutMap:
    """The map of levels with the same mask before, at ``threshold``, and after, at its own.

    Where rounding would join the last level below the threshold with the first one of the mask,
    those below are lowered by one.
    """
    first = first_level(threshold)
    if change.method == "none" or not 0 < first < LEVELS:
        return CutMap(change.levels, first, threshold)
    levels = change.levels.astype(np.int64)
    levels[first:] = np.maximum(levels[first:], 1)
    cut = int(levels[first])
    levels[:first] = np.minimum(levels[:first], cut - 1)
    return CutMap(levels.astype(np.uint8), cut, (cut - 0.5) / 255)


def disjoint(before: Sequence[int], after: Sequence[int]) -> bool:
    """Whether masks of exclusive classes that may overlap before may do so after, too.

    Classes whose cuts add up to one at most can all be in their masks at one place. They can
    afterwards only if their new cuts do not exceed one together: the largest sum of these, of all
    sets whose old cuts fit, is found as in a knapsack.
    """
    best = np.zeros(LEVELS, np.int64)  # by room for the old cuts: the largest sum of the new
    for weight, value in zip(before, after, strict=True):
        if weight < LEVELS:
            best[weight:] = np.maximum(best[weight:], best[: LEVELS - weight] + value)
    return bool(best[-1] <= 255)


def within_one(dense: NDArray[np.uint8], cuts: Sequence[int]) -> NDArray[np.uint8]:
    """Levels of exclusive classes ``(K, *S)`` that add up to one at most, their masks unchanged.

    What is too much is taken from each class in proportion to what it can lose: down to its cut
    where it is in its mask, else down to 0. What is left to one is the background.
    """
    total = dense.sum(0, dtype=np.int64)
    over = total > 255
    if not over.any():
        return dense
    out = dense.copy()
    some = dense[:, over].astype(np.int64)
    cut = np.asarray(cuts, np.int64)[:, None]
    floor = np.where(some >= cut, cut, 0)
    room = some - floor
    excess = total[over] - 255
    taken = np.minimum(room, -(-room * excess // np.maximum(room.sum(0), 1)))
    out[:, over] = (some - taken).astype(np.uint8)
    return out
