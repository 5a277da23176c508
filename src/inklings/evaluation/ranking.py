"""Areas under curves, for many weightings of the same cases at once.

A bootstrap over patients is a matrix of weights, a row a resample. Cases are sorted once, and
each area is then a few cumulative sums over all rows together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.evaluation.metric import Array, ratio

Bools = NDArray[np.bool_]
LEVELS = 2048
ROC = "roc.csv"


def auc(score: Array, truth: Bools, weights: Array | None = None) -> Array:
    """Area under the ROC curve ``(R,)``, ties counting one half; NaN where a side is missing.

    Args:
        score: ``(n,)``.
        truth: ``(n,)``.
        weights: ``(R, n)``; None for one row of ones.
    """
    positive, negative = _by_level(score, truth, weights)
    return auc_of_levels(positive, negative)


def roc(scores: Mapping[str, Array], truth: Bools) -> dict[str, list[Any]]:
    """ROC curves of several scores of the same cases, as the columns of ``roc.csv``.

    Args:
        scores: ``(n,)`` by name.
        truth: ``(n,)``, of both kinds.
    """
    columns: dict[str, list[Any]] = {
        "score": [], "threshold": [], "false_positive_rate": [], "sensitivity": [],
    }  # fmt: skip
    for name, score in scores.items():
        order = np.argsort(-score, kind="stable")
        last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))  # ties are one step
        hits, false = np.cumsum(truth[order])[last], np.cumsum(~truth[order])[last]
        columns["score"] += [name] * (len(last) + 1)
        columns["threshold"] += [np.inf, *score[order][last].tolist()]
        columns["false_positive_rate"] += [0.0, *(false / false[-1]).tolist()]
        columns["sensitivity"] += [0.0, *(hits / hits[-1]).tolist()]
    return columns


def auprc(score: Array, truth: Bools, weights: Array | None = None) -> Array:
    """Average precision ``(R,)``: the step-wise area under the precision-recall curve."""
    positive, negative = _by_level(score, truth, weights)
    return ap_of_levels(positive, negative)


def auc_of_levels(positive: Array, negative: Array) -> Array:
    """From weights per level ``(R, levels)``, lowest first, to the area ``(R,)``."""
    below = np.cumsum(negative, axis=-1) - negative
    wins = (positive * (below + negative / 2)).sum(-1)
    return ratio(wins, positive.sum(-1) * negative.sum(-1))


def ap_of_levels(positive: Array, negative: Array) -> Array:
    """From weights per level ``(R, levels)``, lowest first, to the average precision ``(R,)``."""
    hits = np.cumsum(positive[..., ::-1], axis=-1)
    called = hits + np.cumsum(negative[..., ::-1], axis=-1)
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    return ratio((precision * positive[..., ::-1]).sum(-1), positive.sum(-1))


def levels(score: Array) -> NDArray[np.intp]:
    """``(n,)`` level of each score, from 0: exact, or 2,048 quantiles where there are more."""
    distinct = np.unique(score)
    if len(distinct) > LEVELS:
        distinct = np.unique(np.quantile(score, np.linspace(0, 1, LEVELS), method="lower"))
    return np.searchsorted(distinct, score, side="right") - 1


def _by_level(score: Array, truth: Bools, weights: Array | None) -> tuple[Array, Array]:
    weights = np.ones((1, len(score))) if weights is None else weights
    if not len(score):
        return np.zeros((len(weights), 1)), np.zeros((len(weights), 1))
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    weights, truth = weights[:, order], truth[order]
    positive = np.add.reduceat(weights * truth, starts, axis=1)
    negative = np.add.reduceat(weights * ~truth, starts, axis=1)
    return positive, negative
