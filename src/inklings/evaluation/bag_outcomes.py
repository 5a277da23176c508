"""Metrics of numbers predicted of bags: values in their unit, and log hazards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from inklings.bags.outcomes import outcome_of
from inklings.bags.outcomes.survival import concordance
from inklings.cohorts.case import Case
from inklings.evaluation.bag_metrics import BagMetric
from inklings.evaluation.metric import CORRELATION, SIZE, Array, ratio
from inklings.predictions.bags import BagPrediction
from inklings.predictions.head import VALUES, Head


@dataclass(frozen=True)
class Numbers:
    """Numbers that a run predicted of ``n`` cases, and what is true.

    Attributes:
        names: Of the ``V`` predicted numbers; the first is the answer.
        predicted: ``(n, V)``.
        truth: ``(n, T)`` the label: a value, or a time and 1 for an event.
        baseline: ``(n,)`` mean of the labels of the training part; NaN where that means nothing.
    """

    names: tuple[str, ...]
    predicted: Array
    truth: Array
    baseline: Array

    def some(self, other: Self, take: NDArray[np.bool_]) -> Self:
        """Cases of ``other`` where ``take (n,)`` is True, of this elsewhere."""
        return type(self)(
            self.names,
            np.where(take[:, None], other.predicted[:, :1], self.predicted[:, :1]),
            self.truth,
            np.where(take, other.baseline, self.baseline),
        )

    def line(self, i: int) -> dict[str, Any]:
        """Predicted numbers and the label of case ``i``."""
        said = dict(zip(self.names, map(float, self.predicted[i]), strict=False))
        names = ("truth",) if self.truth.shape[1] == 1 else ("time", "event")
        return {**said, **dict(zip(names, map(float, self.truth[i]), strict=True))}


@dataclass(frozen=True)
class OutcomeTask:
    """A regression or a survival; see `inklings.bags.outcomes`."""

    task: str

    def metrics(self, classes: Sequence[str]) -> tuple[BagMetric, ...]:
        """Errors and correlations of values, concordance of hazards."""
        return tuple((_survival if self.task == "survival" else _regression)(classes[0]))

    def is_labelled(self, case: Case, classes: Sequence[str]) -> bool:
        """Whether it has a number."""
        return self._label(case, classes) is not None

    def answers(
        self, predictions: Sequence[BagPrediction], cases: Sequence[Case], head: Head
    ) -> Numbers:
        """What was predicted of the cases, and their labels."""
        mean = float(head.settings.get("training_mean", np.nan))
        return Numbers(
            tuple(head.settings[VALUES]),
            np.array([one.values for one in predictions]),
            np.array([self._label(case, head.classes) for case in cases]),
            np.full(len(cases), mean),
        )

    def _label(self, case: Case, classes: Sequence[str]) -> tuple[float, ...] | None:
        outcome = outcome_of(self.task)
        assert outcome is not None
        return outcome.label(case, classes[0])


def _regression(label: str) -> Iterator[BagMetric]:
    def on(value: Callable[[Array, Array, Array], Array]) -> Callable[[Numbers, Array], Array]:
        return lambda a, w: value(a.predicted[:, 0], a.truth[:, 0], w)

    def of_mean(value: Callable[[Array, Array, Array], Array]) -> Callable[[Numbers, Array], Array]:
        return lambda a, w: value(a.baseline, a.truth[:, 0], w)

    yield BagMetric("mae", "Mean absolute error", label, on(_mae), higher=False, span=SIZE)
    yield BagMetric("rmse", "Root mean squared error", label, on(_rmse), higher=False, span=SIZE)
    yield BagMetric("r2", "R2, share of variance explained", label, on(_r2), span=(-np.inf, 1.0))
    yield BagMetric("pearson", "Pearson's correlation", label, on(pearson), span=CORRELATION)
    yield BagMetric(
        "spearman", "Spearman's rank correlation", label, on(spearman), span=CORRELATION
    )
    yield BagMetric(
        "mae_of_mean", "Mean absolute error of the training mean", label, of_mean(_mae),
        higher=False, span=SIZE,
    )  # fmt: skip
    yield BagMetric(
        "rmse_of_mean", "Root mean squared error of the training mean", label, of_mean(_rmse),
        higher=False, span=SIZE,
    )  # fmt: skip


def _survival(label: str) -> Iterator[BagMetric]:
    def on(ipcw: bool) -> Callable[[Numbers, Array], Array]:
        def of(answers: Numbers, weights: Array) -> Array:
            time, event = answers.truth.T
            return concordance(answers.predicted[:, 0], time, event > 0.5, weights, ipcw)

        return of

    yield BagMetric(
        "concordance", "Harrell's concordance (0.5 knows nothing)", label, on(ipcw=False)
    )
    yield BagMetric(
        "concordance_ipcw", "Uno's concordance (0.5 knows nothing)", label, on(ipcw=True)
    )


def _mae(said: Array, truth: Array, weights: Array) -> Array:
    return ratio(weights @ np.abs(said - truth), weights.sum(1))


def _rmse(said: Array, truth: Array, weights: Array) -> Array:
    return np.sqrt(ratio(weights @ (said - truth) ** 2, weights.sum(1)))


def _r2(said: Array, truth: Array, weights: Array) -> Array:
    """One minus the squared error over that of the mean of the labels that are scored."""
    mean = ratio(weights @ truth, weights.sum(1))
    around = (weights * (truth - mean[:, None]) ** 2).sum(1)
    return 1 - ratio(weights @ (said - truth) ** 2, around)


def pearson(one: Array, other: Array, weights: Array) -> Array:
    """Correlation ``(R,)`` of ``(n,)`` or ``(R, n)``; NaN where a side is constant."""
    total = weights.sum(1, keepdims=True)
    x, y = (v - ratio((weights * v).sum(1, keepdims=True), total) for v in (one, other))
    both, xx, yy = ((weights * p).sum(1) for p in (x * y, x * x, y * y))
    # A constant side leaves a rest of rounding.
    least = 1e-20 * total[:, 0]
    return np.where((xx > least) & (yy > least), ratio(both, np.sqrt(xx * yy)), np.nan)


def spearman(one: Array, other: Array, weights: Array) -> Array:
    """Correlation of the ranks, those of ties being their mean; ranks are of each resample."""
    return pearson(_ranks(one, weights), _ranks(other, weights), weights)


def _ranks(values: Array, weights: Array) -> Array:
    below = (values[:, None] > values[None]) + 0.5 * (values[:, None] == values[None])
    found: Array = weights @ below.T
    return found
