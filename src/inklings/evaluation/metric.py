"""A metric: numbers measured per case that add up, and what their sum means.

Every metric here, from the mean of cases over pooled counts to histograms, is a function of a sum
over cases. So a set is scored by one addition, and a bootstrap over patients by one product of a
matrix of weights with a matrix of sums: a thousand resamples cost no more than a few.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inklings.evaluation.pairs import Pair, judgement

Array = NDArray[np.float64]
Empty = Literal["one", "skip"]
Extent = Literal["dense", "sparse", "any"]
Span = tuple[float, float]
"""Least and largest value that a number can have."""
SHARE: Span = (0.0, 1.0)
SIZE: Span = (0.0, math.inf)
CORRELATION: Span = (-1.0, 1.0)


@dataclass(frozen=True)
class Options:
    """What may be chosen about metrics.

    Attributes:
        channel: Which class is scored.
        empty: What a case counts that is empty in prediction and reference alike: ``one`` is
            perfect agreement, ``skip`` leaves it out. A case where only one side is empty
            counts 0 whatever the choice.
        tolerance: Distance up to which borders agree, in ``unit``.
        unit: Of distances: ``mm`` needs a spacing in every pair.
    """

    channel: int = 0
    empty: Empty = "one"
    tolerance: float = 2.0
    unit: Literal["px", "mm"] = "px"

    @property
    def both_empty(self) -> float:
        """Value of an overlap where there is nothing to overlap; NaN is not counted."""
        return 1.0 if self.empty == "one" else math.nan


DEFAULT = Options()


@dataclass(frozen=True)
class Metric:
    """One number for a set of cases.

    Attributes:
        name: For files: lower case, ``dice_pooled``.
        title: For people.
        measure: Case to ``(M,)`` numbers that may be added over cases; all zero where the
            metric says nothing about a case.
        summarise: Sums ``(..., M)`` to values ``(...)``; NaN where undefined.
        unit: ``""`` for a share.
        higher: Whether more is better.
        column: Whether the value of a single case is worth a column in the table of cases.
        on_request: Whether it is measured only where it is asked for by name.
        of_all: Whether it is one number for all classes together.
        of: References that it is defined for. What a ``sparse`` one allows (`Judgement.sparse`)
            has names of its own: Dice on strokes is no Dice.
        of_absent: Whether it says something of a class that no reference holds. An overlap does
            not: it would be perfect wherever nothing is predicted.
    """

    name: str
    title: str
    measure: Callable[[Pair], Array]
    summarise: Callable[[Array], Array]
    unit: str = ""
    higher: bool = True
    column: bool = False
    on_request: bool = False
    of_all: bool = False
    of: Extent = "dense"
    of_absent: bool = False

    @property
    def span(self) -> Span:
        """What values there are."""
        return SIZE if self.unit else SHARE

    def sums(self, pair: Pair) -> Array:
        """`measure` of a case, all zero where the metric is not of such references."""
        found = self.measure(pair)
        fits = self.of == "any" or judgement(pair).sparse == (self.of == "sparse")
        return found if fits else np.zeros_like(found)

    def __call__(self, pairs: Sequence[Pair]) -> float:
        """Value over a set of cases; NaN where no case defines it."""
        if not pairs:
            return math.nan
        return float(self.summarise(np.sum([self.sums(pair) for pair in pairs], axis=0)))


def mean_of_cases(
    name: str,
    title: str,
    value: Callable[[Pair], float],
    *,
    unit: str = "",
    higher: bool = True,
    column: bool = True,
) -> Metric:
    """The mean of a value per case; a case whose value is NaN is not counted."""

    def measure(pair: Pair) -> Array:
        number = value(pair)
        return np.array([0.0, 0.0] if math.isnan(number) else [number, 1.0])

    return Metric(name, title, measure, mean, unit, higher, column)


def mean(sums: Array) -> Array:
    """``(..., [sum, count])`` to the mean."""
    return ratio(sums[..., 0], sums[..., 1])


def ratio(top: Array, bottom: Array) -> Array:
    """Quotient, NaN where the denominator is 0."""
    shape = np.broadcast_shapes(np.shape(top), np.shape(bottom))
    out: Array = np.full(shape, np.nan)
    np.divide(top, bottom, out=out, where=np.asarray(bottom) != 0)
    return out
