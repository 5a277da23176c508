"""How sure a number is: bootstrap over patients, and paired tests between two runs.

Images of one patient resemble each other, so patients are drawn, not images (cluster bootstrap,
Field and Welsh 2007). Since metrics are functions of sums, a resample is a row of weights.

Quantiles of resamples are too narrow for few patients and have no width where all agree, so the
resamples give the standard error alone. Numbers between two bounds take the interval of
Clopper and Pearson (1934) for as many yes-or-no answers as would be as sure (Korn and Graubard
1998, Survey Methodology 24), those with one bound a t interval of the logarithm that reaches
further where they are skewed (`skewness`), all others a t interval. A share of patients is exact;
an area under the ROC curve, which has more levels, takes half the step (Jeffreys) and the normal
quantile, as DeLong (1988) does.
``benchmarks/coverage.py`` tells how often each covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from inklings.evaluation.metric import SHARE, Array, Metric, Span

FEW = 10
"""Below so many patients an interval says how many it rests on."""
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

    def interval(
        self,
        value: float,
        drawn: Array,
        alone: Array,
        span: Span = SHARE,
        kinds: tuple[int, int] | None = None,
    ) -> tuple[float, float]:
        """Interval of a number; NaN where it rests on fewer than two patients.

        Args:
            value: Over all patients.
            drawn: ``(resamples,)``, NaN where undefined.
            alone: ``(patients,)`` of each patient by itself, NaN where that says nothing.
            span: What values there are.
            kinds: Patients of either kind, for what compares two kinds.
        """
        said = alone[~np.isnan(alone)]
        patients = len(said) if said.size and kinds is None else len(alone)
        if patients < 2 or np.isnan(value):
            return np.nan, np.nan
        if not span[0] <= value <= span[1]:
            span = (-np.inf, np.inf)
        whole = kinds is None and said.size > 0 and np.isclose(said.mean(), value)
        exact = bool(whole and np.isin(said, span).all())
        size = None if kinds is None else size_of_kinds(*kinds)
        error = standard_error(drawn, patients)
        skew = skewness(drawn, patients)
        low, high = around(value, error, patients, span, size, exact, self.level, skew)
        return float(low), float(high)


BOOTSTRAP = Bootstrap()


def sum_by_patient(measured: Array, patients: Sequence[str]) -> Array:
    """``(cases, M)`` to ``(patients, M)``, in the sorted order of the patients."""
    _, index = np.unique(np.asarray(patients), return_inverse=True)
    sums = np.zeros((int(index.max()) + 1, measured.shape[1]))
    np.add.at(sums, index, measured)
    return sums


def standard_error(drawn: Array, patients: int) -> Array:
    """Standard error ``(...)`` from resamples ``(resamples, ...)``.

    NaN where fewer than half are defined. A resample varies by ``(n - 1) / n`` too little.
    """
    there = ~np.isnan(drawn)
    count = there.sum(axis=0)
    values = np.where(there, drawn, 0.0)
    mean = values.sum(axis=0) / np.maximum(count, 1)
    spread = (np.where(there, drawn - mean, 0.0) ** 2).sum(axis=0) / np.maximum(count, 1)
    known = 2 * count >= max(2, len(drawn))
    return np.where(known, np.sqrt(spread * patients / max(1, patients - 1)), np.nan)


def skewness(drawn: Array, patients: int) -> Array:
    """Third standardised moment ``(...)`` of resamples ``(resamples, ...)``, made up for ``n``.

    A sample of few patients is less skewed than what it is of: besides the factor that makes it
    unbiased for normal numbers, ``1 + 10 / n``, by which intervals of means of gamma, exponential,
    inverse Gaussian and log-normal numbers cover (``benchmarks/coverage.py``). NaN where unknown.
    """
    there = ~np.isnan(drawn)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, drawn, 0.0).sum(axis=0) / count
    apart = np.where(there, drawn - mean, 0.0)
    second, third = ((apart**k).sum(axis=0) / count for k in (2, 3))
    usual = np.sqrt(patients * (patients - 1)) / max(1, patients - 2) * (1 + 10 / patients)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(usual * third / second**1.5)


def size_of_kinds(positive: int, negative: int) -> float:
    """Answers that an area under the ROC curve close to 1 is as sure as.

    From the variance by Hanley and McNeil (1982, Radiology 143) where the area goes to 1, with
    the mean of both numbers in place of each (Newcombe 2006, Statistics in Medicine 25).
    """
    half = (positive + negative) / 2 - 1
    return positive * negative / (1 + half / 2)


def around(
    value: ArrayLike,
    error: ArrayLike,
    patients: int,
    span: Span = SHARE,
    size: float | None = None,
    exact: ArrayLike = False,
    level: float = 0.95,
    skew: ArrayLike = 0.0,
) -> tuple[Array, Array]:
    """Intervals ``(...)`` of numbers ``(...)`` with standard errors ``(...)``.

    Args:
        value: The numbers.
        error: Their standard errors over patients; NaN where unknown.
        patients: That they rest on.
        span: Least and largest value there are.
        size: Of areas under the ROC curve: answers that one without spread is as sure as.
        exact: Whether it is a share of so many patients, whose spread its value tells.
        level: Share of the intervals that should hold the truth.
        skew: Of the resamples, for numbers with one bound. The far end is that of Johnson (1978,
            JASA 73) for the logarithm: moved by the skewness, less what the logarithm takes of it,
            and at most twice as far.
    """
    low, high = span
    tail = (1 - level) / 2
    value, error = np.asarray(value, float), np.asarray(error, float)
    ranked = size is not None
    normal = float(stats.norm.isf(tail))
    t = normal if ranked else float(stats.t.isf(tail, patients - 1))
    step = 0.5 if ranked else 1.0
    if np.isinf(low) and np.isinf(high):
        return value - t * error, value + t * error
    if np.isinf(low):
        turned = -np.asarray(skew, float)
        one, other = around(-value, error, patients, (-high, -low), size, exact, level, turned)
        return -other, -one
    if np.isinf(high):
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            width = error / (value - low)
            more = np.nan_to_num(np.asarray(skew, float)) * (2 * t**2 + 1) / 6 - width * t**2 / 2
            ends = (np.exp(t * width), np.exp((t + np.clip(more, 0, t)) * width))
        known = (error > 0) & (value > low)
        less, far = (np.where(known, factor, np.nan) for factor in ends)
        return low + (value - low) / less, low + (value - low) * far
    share = np.clip((value - low) / (high - low), 0, 1)
    spread = (error / (high - low) * t / normal) ** 2
    known = (spread > 1e-18) & ~np.asarray(exact, bool)
    answers = np.full(np.broadcast_shapes(share.shape, spread.shape), float(size or patients))
    np.divide(share * (1 - share), spread, out=answers, where=known)
    yes, no = share * answers, (1 - share) * answers
    least = stats.beta.ppf(tail, np.maximum(yes + 1 - step, 1e-9), no + step)
    most = stats.beta.isf(tail, yes + step, np.maximum(no + 1 - step, 1e-9))
    least, most = np.where(yes <= 0, 0.0, least), np.where(no <= 0, 1.0, most)
    return low + (high - low) * least, low + (high - low) * most


@dataclass(frozen=True)
class Difference:
    """One metric of two runs over the same patients.

    Attributes:
        first: Value of the first run.
        second: Value of the second.
        value: First minus second.
        low: Lower end of the paired interval.
        high: Upper end.
        p: Two-sided; below 0.05 where a 95 % interval leaves out 0, and only there.
    """

    first: float
    second: float
    value: float
    low: float
    high: float
    p: float


def paired(metric: Metric, one: Array, other: Array, bootstrap: Bootstrap) -> Difference:
    """Compare ``one`` with ``other``, sums ``(patients, M)`` in the same order of patients."""
    first, second = (float(metric.summarise(sums.sum(axis=0))) for sums in (one, other))
    weights = bootstrap.weights(len(one))
    drawn = metric.summarise(weights @ one) - metric.summarise(weights @ other)
    differing = int(np.count_nonzero((one != other).any(axis=1)))
    alone = metric.summarise(one) - metric.summarise(other)
    patients = int(np.count_nonzero(~np.isnan(alone))) or len(one)
    return difference(first, second, drawn, patients, differing, bootstrap.level)


def difference(
    first: float, second: float, drawn: Array, patients: int, differing: int, level: float = 0.95
) -> Difference:
    """Paired t interval, and the test that belongs to it.

    Where two runs differ in ``k`` patients, no exchange of the two could be rarer than
    ``2 ** (1 - k)`` (Fisher's randomisation test); p is never below, and the interval as wide as
    that asks for. So five patients never show a difference.

    Args:
        first: Value of the first run.
        second: Of the other.
        drawn: ``(resamples,)`` differences over patients drawn jointly.
        patients: That the numbers rest on.
        differing: Patients whom the two runs treat differently.
        level: Of the interval.
    """
    value = first - second
    error = float(standard_error(drawn, patients))
    if patients < 2 or np.isnan(value) or np.isnan(error):
        return Difference(first, second, value, np.nan, np.nan, np.nan)
    freedom = patients - 1
    least = float(stats.t.isf(2.0 ** (1 - max(differing, 1)) / 2, freedom))
    if value and (least <= 0 or error < abs(value) / least):
        error = abs(value) / least if least > 0 else np.inf
    if not value and not differing:
        return Difference(first, second, value, 0.0, 0.0, 1.0)
    reach = float(stats.t.isf((1 - level) / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(value) / error, freedom)) if error > 0 else 1.0
    return Difference(first, second, value, value - reach, value + reach, p)


def holm(p: Sequence[float]) -> NDArray[np.float64]:
    """P-values corrected for how many were asked (Holm 1979); what is NaN is not counted."""
    found = np.asarray(p, float)
    there = np.flatnonzero(~np.isnan(found))
    order = there[np.argsort(found[there], kind="stable")]
    steps = np.maximum.accumulate(found[order] * np.arange(len(order), 0, -1))
    out = np.full(len(found), np.nan)
    out[order] = np.minimum(1.0, steps)
    return out
