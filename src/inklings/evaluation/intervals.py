"""How sure a number is: bootstrap over patients, and paired tests between two runs.

Images of one patient resemble each other, so patients are drawn, not images (cluster bootstrap,
Field and Welsh 2007). Since metrics are functions of sums, a resample is a row of weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.evaluation.metric import Array, Metric

_AT_ONCE = 2**17
"""Draws that are counted together; so many stay in the cache of a processor."""


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are drawn."""

    resamples: int = 2000
    seed: int = 0
    level: float = 0.95

    def weights(self, patients: int) -> Array:
        """``(resamples, patients)``: how often each patient was drawn, for all metrics."""
        rng = np.random.default_rng(self.seed)
        weights = np.empty((self.resamples, patients))
        rows = max(1, _AT_ONCE // max(1, patients))
        for first in range(0, self.resamples, rows):
            block = weights[first : first + rows]
            drawn = rng.integers(0, patients, block.shape)
            drawn += np.arange(len(block))[:, None] * patients
            block[:] = np.bincount(drawn.ravel(), minlength=block.size).reshape(block.shape)
        return weights

    def interval(self, values: Array) -> tuple[float, float]:
        """Percentile interval of resampled values; NaN where fewer than half are defined."""
        defined = values[~np.isnan(values)]
        if 2 * defined.size < max(2, values.size):
            return np.nan, np.nan
        tail = (1 - self.level) / 2
        low, high = np.quantile(defined, [tail, 1 - tail])
        return float(low), float(high)


BOOTSTRAP = Bootstrap()


def sum_by_patient(measured: Array, patients: Sequence[str]) -> Array:
    """``(cases, M)`` to ``(patients, M)``, in the sorted order of the patients."""
    _, index = np.unique(np.asarray(patients), return_inverse=True)
    sums = np.zeros((int(index.max()) + 1, measured.shape[1]))
    np.add.at(sums, index, measured)
    return sums


@dataclass(frozen=True)
class Difference:
    """One metric of two runs over the same patients.

    Attributes:
        first: Value of the first run.
        second: Value of the second.
        value: First minus second.
        low: Lower end of the paired bootstrap interval.
        high: Upper end.
        p: Two-sided, that the two are exchangeable: share of random swaps, patient by patient,
            with a difference at least as large.
    """

    first: float
    second: float
    value: float
    low: float
    high: float
    p: float


def paired(metric: Metric, one: Array, other: Array, bootstrap: Bootstrap) -> Difference:
    """Compare ``one`` with ``other``, sums ``(patients, M)`` in the same order of patients.

    The interval resamples patients jointly; the test swaps the two runs within patients at random
    (approximate randomisation, Noreen 1989), which suits pooled metrics and means alike.
    """
    n = len(one)
    first, second = (float(metric.summarise(sums.sum(axis=0))) for sums in (one, other))
    value = first - second
    if n < 2:
        return Difference(first, second, value, np.nan, np.nan, np.nan)
    weights = bootstrap.weights(n)
    drawn = metric.summarise(weights @ one) - metric.summarise(weights @ other)
    swapped = _swaps(n, bootstrap) @ (other - one)
    null = metric.summarise(one.sum(0) + swapped) - metric.summarise(other.sum(0) - swapped)
    extreme = np.count_nonzero(np.abs(null) >= abs(value) - 1e-12)
    p = np.nan if np.isnan(value) else (1 + extreme) / (1 + bootstrap.resamples)
    return Difference(first, second, value, *bootstrap.interval(drawn), p)


def _swaps(patients: int, bootstrap: Bootstrap) -> NDArray[np.float64]:
    rng = np.random.default_rng([bootstrap.seed, 1])
    return rng.integers(0, 2, (bootstrap.resamples, patients)).astype(np.float64)
