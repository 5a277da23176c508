"""Promises about a loss of new patients: how far a threshold may go, how many patients it takes.

A loss of a patient lies in [0, 1] and only grows from one threshold to the next, the safest first.
The promise is about patients, so patients are what is exchangeable: the cases of one are one loss.

- With a confidence: with this probability over the patients that it is calibrated on, the mean loss
  of new patients is at most ``alpha``. Thresholds are tested one after the other, from the safest
  on, until the first that may be worse (fixed-sequence testing: Angelopoulos et al. 2021, Learn
  then Test; for falling losses the upper confidence bounds of Bates et al. 2021, Distribution-free,
  Risk-Controlling Prediction Sets). A loss of 0 or 1 is tested by the binomial distribution,
  exactly; any other by betting against it (Waudby-Smith and Ramdas 2024, JRSS B 86).
- Without: over many calibrations and patients the mean loss is at most ``alpha``, since
  ``(n R + 1) / (n + 1) <= alpha`` (Angelopoulos et al. 2022, Conformal Risk Control); of losses
  of 0 and 1 this is split conformal prediction (Vovk et al. 2005).

Ranks are worked out in whole numbers: in floats ``ceil((9 + 1) * (1 - 0.7))`` is 4, not 3.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from inklings.errors import SpecError

Array = NDArray[np.float64]

_MOST_PATIENTS = 1_000_000
_STAKE = 0.9
"""Of the largest bet that cannot ruin: what is left of it wins the rest back."""


@dataclass(frozen=True)
class Level:
    """What is promised of a mean loss.

    Attributes:
        alpha: Largest mean loss, in (0, 1).
        confidence: Probability that the promise holds, in (0, 1); None for one that holds on
            average.
        binary: Whether every loss is 0 or 1, by what it is and not by how it came out.

    Raises:
        SpecError: If either lies outside.
    """

    alpha: Fraction
    confidence: Fraction | None = None
    binary: bool = False

    def __post_init__(self) -> None:
        for name, value in (("risk", self.alpha), ("confidence", self.confidence)):
            if value is not None and not 0 < value < 1:
                raise SpecError(f"{name}: expected a number above 0 and below 1, got {value}")

    @functools.cached_property
    def needed(self) -> int:
        """Least number of patients for which the promise can be made, if none of them loses."""
        if self.confidence is None:
            return math.ceil(1 / self.alpha) - 1
        if self.binary:
            least = math.log(1 - self.confidence) / math.log(1 - self.alpha)
            n = max(1, math.floor(least) - 1)
        else:
            n = 1
        while n < _MOST_PATIENTS and not bool(self.holds(np.zeros((n, 1)))[0]):
            n += 1 if self.binary or n < 1000 else n // 1000
        return n

    def rank(self, n: int) -> int | None:
        """Of ``n`` patients in order of what they need: how far down the threshold has to reach.

        So many patients of ``n`` must lose nothing: ``ceil((n + 1) (1 - alpha))`` without a
        confidence; with one ``n - m``, ``m`` the largest number with ``P(X <= m) <= 1 -
        confidence``, X binomial of ``n`` and ``alpha``. None where ``n`` are too few.
        """
        if self.confidence is None:
            rank = math.ceil((n + 1) * (1 - self.alpha))
            return rank if rank <= n else None
        lost = _most_lost(n, self.alpha, 1 - self.confidence)
        return None if lost is None else n - lost

    def holds(self, losses: Array) -> NDArray[np.bool_]:
        """``(L,)``: of which thresholds ``(n, L)`` losses of patients say that the promise holds.

        Every threshold is tested by itself; see `furthest`.
        """
        n = len(losses)
        if self.binary:
            rank = self.rank(n)
            total: Array = losses.sum(0)
            if rank is None:
                return np.zeros(losses.shape[1], np.bool_)
            return np.asarray(total <= n - rank)
        if self.confidence is None:
            return np.asarray(losses.sum(0) <= float(self.alpha * (n + 1) - 1))
        least = float(1 / (1 - self.confidence))
        return np.asarray(wealth(losses, self.alpha, self.confidence) >= least)

    def furthest(self, losses: Array) -> int | None:
        """The last threshold before the first of which the promise may not hold; None of none.

        Args:
            losses: ``(n, L)`` of patients, in an order that has nothing to do with their losses;
                thresholds in order, the safest first.
        """
        held = self.holds(losses)
        first = int(np.argmin(held)) if not held.all() else len(held)
        return first - 1 if first else None


@functools.lru_cache(maxsize=4096)
def _most_lost(n: int, alpha: Fraction, delta: Fraction) -> int | None:
    """The largest ``m`` with ``P(X <= m) <= delta``, X binomial; None where there is none."""
    a, b = alpha.numerator, alpha.denominator
    bound = delta * b**n
    term, total = (b - a) ** n, 0  # of 0, over b ** n
    for m in range(n + 1):
        total += term
        if total > bound:
            return m - 1 if m else None
        term = term * (n - m) * a // ((m + 1) * (b - a))
    return n


def wealth(losses: Array, alpha: Fraction, confidence: Fraction) -> Array:
    """``(L,)``: most that bets against "the mean loss is ``alpha`` or more" ever win.

    Each patient is a bet of ``nu (alpha - loss)`` of all that there is, ``nu`` chosen by the
    variance of those before. If the mean loss is ``alpha`` or more, the wealth reaches ``1 / (1 -
    confidence)`` with a probability of ``1 - confidence`` at most (Ville 1939).

    Args:
        losses: ``(n, L)`` in [0, 1].
        alpha: Promised.
        confidence: Its probability.
    """
    n, a = len(losses), float(alpha)
    seen = np.arange(1, n + 1)[:, None]
    mean = (0.5 + np.cumsum(losses, 0)) / (1 + seen)
    variance = (0.25 + np.cumsum((losses - mean) ** 2, 0)) / (1 + seen)
    before = np.concatenate([np.full((1, losses.shape[1]), 0.25), variance[:-1]])
    stake = np.sqrt(-2 * math.log(1 - confidence) / (n * before))
    stake = np.minimum(stake, _STAKE / (1 - a))
    won: Array = np.exp(np.cumsum(np.log1p(stake * (a - losses)), 0).max(0))
    return won
