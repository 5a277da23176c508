"""Metrics of diagnoses: every one is a function of weighted cases, so intervals cost little."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray

from inklings.bags.task import Task, class_of, decide, presence
from inklings.cohorts.case import Case
from inklings.evaluation.metric import CORRELATION, SHARE, Array, Span, ratio
from inklings.evaluation.ranking import auc, auprc
from inklings.predictions.bags import BagPrediction
from inklings.predictions.head import Head

BINS = 15
_TINY = 1e-12


class Answered(Protocol):
    """What a run predicted of ``n`` cases, and what is true."""

    def some(self, other: Any, take: NDArray[np.bool_]) -> Self:
        """Cases of ``other`` where ``take (n,)`` is True, of this elsewhere."""

    def line(self, i: int) -> dict[str, Any]:
        """Cells of case ``i`` for the table of cases."""


@dataclass(frozen=True)
class Answers:
    """Classes that a run predicted of ``n`` cases, and what is true.

    Attributes:
        probability: ``(n, K)`` of the classes.
        decided: ``(n, K)`` bool, or ``(n,)`` index where exactly one class holds.
        truth: As ``decided``; float with NaN where it is not known, for single questions.
    """

    probability: Array
    decided: NDArray[np.int64]
    truth: Array

    def some(self, other: Answers, take: NDArray[np.bool_]) -> Answers:
        """Cases of ``other`` where ``take (n,)`` is True, of this elsewhere."""
        wide = take[:, None]
        decided = take if self.decided.ndim == 1 else wide
        return Answers(
            np.where(wide, other.probability, self.probability),
            np.where(decided, other.decided, self.decided),
            self.truth,
        )

    def line(self, i: int) -> dict[str, Any]:
        """Probabilities, decision and truth of case ``i``."""
        return {
            **{f"p{k}": float(p) for k, p in enumerate(self.probability[i])},
            "decided": _word(self.decided[i]),
            "truth": _word(self.truth[i]),
        }


def _word(value: NDArray[Any]) -> Any:
    value = np.asarray(value)
    if value.ndim == 0:
        return int(value)
    return " ".join("?" if np.isnan(v) else str(int(v)) for v in value.astype(float))


Value = Callable[[Any, Array], Array]
"""From answers and weights ``(R, n)`` of the cases to ``(R,)``."""


@dataclass(frozen=True)
class BagMetric:
    """One number over cases.

    Attributes:
        name: For files.
        title: For people.
        label: Class it is about; ``all`` for what joins them.
        value: From answers and weights ``(R, n)`` to ``(R,)``.
        higher: Whether more is better.
        span: What values there are.
        positive: Of what compares two kinds of cases: from answers to ``(n,)``, 1 for one kind, 0
            for the other, NaN where it is not known.
    """

    name: str
    title: str
    label: str
    value: Value
    higher: bool = True
    span: Span = SHARE
    positive: Callable[[Any], Array] | None = None


class BagTask(Protocol):
    """How one task of bags is scored."""

    def metrics(self, classes: tuple[str, ...]) -> tuple[BagMetric, ...]:
        """What is worth knowing."""

    def is_labelled(self, case: Case, classes: Sequence[str]) -> bool:
        """Whether there is anything to score a case against."""

    def answers(
        self, predictions: Sequence[BagPrediction], cases: Sequence[Case], head: Head
    ) -> Answered:
        """What was predicted of the cases, and what is true."""


@dataclass(frozen=True)
class Classification:
    """Single questions, one of several classes, or grades."""

    task: str

    def metrics(self, classes: tuple[str, ...]) -> tuple[BagMetric, ...]:
        """Those of `metrics_of`."""
        return metrics_of(cast(Task, self.task), classes)

    def is_labelled(self, case: Case, classes: Sequence[str]) -> bool:
        """Whether presence or absence of any class is labelled."""
        return not np.isnan(presence(case, classes)).all()

    def answers(
        self, predictions: Sequence[BagPrediction], cases: Sequence[Case], head: Head
    ) -> Answers:
        """Decided by the thresholds of the run."""
        task = cast(Task, self.task)
        probability = np.stack([p.probability for p in predictions])
        if task in ("binary", "multilabel"):
            truth = np.stack([presence(case, head.classes) for case in cases])
        else:
            truth = np.array([float(class_of(case, head.classes)) for case in cases])
        return Answers(probability, decide(task, probability, head.thresholds), truth)


def metrics_of(task: Task, classes: tuple[str, ...]) -> tuple[BagMetric, ...]:
    """What is worth knowing of a task."""
    if task in ("binary", "multilabel"):
        return tuple(m for k, label in enumerate(classes) for m in _question(k, label))
    return tuple(_choice(task, classes))


def _question(k: int, label: str) -> Iterator[BagMetric]:
    """Yes or no."""

    def on(value: Callable[[Array, Array, Array, Array], Array]) -> Value:
        def of(answers: Answers, weights: Array) -> Array:
            known = ~np.isnan(answers.truth[:, k])
            p, said = answers.probability[known, k], answers.decided[known, k]
            return value(p, said.astype(float), answers.truth[known, k], weights[:, known])

        return of

    def kind(answers: Answers) -> Array:
        found: Array = answers.truth[:, k]
        return found

    yield BagMetric("accuracy", "Accuracy", label, on(lambda _, d, y, w: _mean(d == y, w)))
    yield BagMetric("balanced_accuracy", "Balanced accuracy", label, on(_balanced), positive=kind)
    yield BagMetric("auc", "AUC", label, on(lambda p, _, y, w: auc(p, y > 0.5, w)), positive=kind)
    yield BagMetric("auprc", "AUPRC", label, on(lambda p, _, y, w: auprc(p, y > 0.5, w)))
    yield BagMetric("sensitivity", "Sensitivity", label, on(lambda _, d, y, w: _among(d, y, w)))
    yield BagMetric(
        "specificity", "Specificity", label, on(lambda _, d, y, w: _among(1 - d, 1 - y, w))
    )
    yield BagMetric("f1", "F1", label, on(_f1))
    yield BagMetric("kappa", "Cohen's kappa", label, on(_yes_no_kappa), span=CORRELATION)
    yield BagMetric("ece", "Expected calibration error", label, on(_ece), higher=False)
    yield BagMetric(
        "brier", "Brier score", label, on(lambda p, _, y, w: _mean((p - y) ** 2, w)), higher=False
    )


def _choice(task: Task, classes: tuple[str, ...]) -> Iterator[BagMetric]:
    """One of several."""
    count = len(classes)

    def table(answers: Answers, weights: Array) -> Array:
        return confusion(answers.truth.astype(int), answers.decided, weights, count)

    yield BagMetric(
        "accuracy", "Accuracy", "all", lambda a, w: _mean(a.decided == a.truth.astype(int), w)
    )
    yield BagMetric(
        "balanced_accuracy", "Balanced accuracy", "all", lambda a, w: _recall(table(a, w))
    )
    yield BagMetric(
        "kappa", "Cohen's kappa", "all", lambda a, w: kappa(table(a, w)), span=CORRELATION
    )
    if task == "ordinal":
        yield BagMetric(
            "qwk",
            "Quadratic weighted kappa",
            "all",
            lambda a, w: kappa(table(a, w), power=2),
            span=CORRELATION,
        )
        yield BagMetric(
            "mae",
            "Mean distance in grades",
            "all",
            lambda a, w: _mean(np.abs(a.decided - a.truth), w),
            higher=False,
            span=(0.0, count - 1.0),
        )
    yield BagMetric("auc", "Mean one-against-rest AUC", "all", _mean_auc)
    yield BagMetric(
        "ece",
        "Expected calibration error",
        "all",
        lambda a, w: _ece(
            a.probability.max(1), a.truth, (a.probability.argmax(1) == a.truth).astype(float), w
        ),
        higher=False,
    )
    for k, label in enumerate(classes):
        yield BagMetric(
            "auc", "AUC against the rest", label, _one_auc(k), positive=partial(_is_class, k)
        )


def _is_class(k: int, answers: Answers) -> Array:
    found: Array = (answers.truth.astype(int) == k).astype(float)
    return found


def _one_auc(k: int) -> Value:
    return lambda a, w: auc(a.probability[:, k], _is_class(k, a) > 0, w)


def _mean_auc(answers: Answers, weights: Array) -> Array:
    with np.errstate(invalid="ignore"):
        found = [_one_auc(k)(answers, weights) for k in range(answers.probability.shape[1])]
        there = ~np.isnan(found)
        return ratio(np.nansum(found, axis=0), there.sum(axis=0).astype(float))


def _mean(values: Array | NDArray[np.bool_], weights: Array) -> Array:
    return ratio(weights @ values.astype(float), weights.sum(1))


def _among(said: Array, truth: Array, weights: Array) -> Array:
    """Share of the true that were called so."""
    return ratio(weights @ (said * truth), weights @ truth)


def _balanced(_: Array, said: Array, truth: Array, weights: Array) -> Array:
    return (_among(said, truth, weights) + _among(1 - said, 1 - truth, weights)) / 2


def _f1(_: Array, said: Array, truth: Array, weights: Array) -> Array:
    hits = weights @ (said * truth)
    return ratio(2 * hits, weights @ said + weights @ truth)


def _yes_no_kappa(_: Array, said: Array, truth: Array, weights: Array) -> Array:
    return kappa(confusion(truth.astype(int), said.astype(int), weights, 2))


def confusion(
    truth: NDArray[np.int64], said: NDArray[np.int64], weights: Array, count: int
) -> Array:
    """``(R, K, K)``: weight of the cases of each class (rows) called each class (columns)."""
    cells = np.eye(count * count)[truth * count + said.astype(int)]
    result: Array = (weights @ cells).reshape(len(weights), count, count)
    return result


def kappa(table: Array, power: int = 0) -> Array:
    """Agreement beyond chance (Cohen 1960); ``power`` 2: quadratic weights (Cohen 1968).

    ``1 - sum(w o) / sum(w e)`` with observed ``o`` and expected ``e`` shares and the weight
    ``w = |i - j| ** power``, 0 on the diagonal.
    """
    count = table.shape[-1]
    i, j = np.indices((count, count))
    cost = np.abs(i - j).astype(float) ** power * (i != j)
    total = table.sum((-2, -1))
    observed = ratio((table * cost).sum((-2, -1)), total)
    expected = table.sum(-1)[..., :, None] * table.sum(-2)[..., None, :]
    chance = ratio((expected * cost).sum((-2, -1)), total**2)
    return 1 - ratio(observed, chance)


def _recall(table: Array) -> Array:
    """Mean over the classes that occur of the share called so."""
    there = table.sum(-1)
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    share = np.divide(hits, there, out=np.zeros_like(hits), where=there > 0)
    return ratio(share.sum(-1), (there > 0).sum(-1).astype(float))


def _ece(p: Array, _: Array, truth: Array, weights: Array) -> Array:
    """Expected calibration error in 15 bins of equal width (Naeini 2015)."""
    into = np.eye(BINS)[np.minimum((p * BINS).astype(int), BINS - 1)]
    gap = np.abs(weights @ (into * (p - truth)[:, None]))
    return ratio(gap.sum(1), weights.sum(1))
