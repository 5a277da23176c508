"""How well a model that learnt from bags finds the instances that matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inklings.errors import DataError
from inklings.evaluation.bag_metrics import BINS
from inklings.evaluation.intervals import Bootstrap
from inklings.evaluation.metric import Array, ratio
from inklings.evaluation.ranking import ap_of_levels, auc, auc_of_levels, auprc, levels
from inklings.evaluation.scores import Row
from inklings.predictions.bags import BagPrediction

_OF_INSTANCES = ("instance_auc", "instance_ap", "top1", "top_k", "instance_auc_in_bag")
INSTANCE_METRICS = (
    "instance_ece", *_OF_INSTANCES, *(f"{name}_attention" for name in _OF_INSTANCES)
)  # fmt: skip
"""Names of all rows of `instance_rows`."""


@dataclass(frozen=True)
class InstanceScores:
    """Instances of the scored bags, pooled.

    Attributes:
        score: ``(M,)`` what the model says of each.
        truth: ``(M,)``.
        bag: ``(M,)`` number of its bag.
    """

    score: Array
    truth: NDArray[np.bool_]
    bag: NDArray[np.intp]


def instance_rows(
    predictions: Sequence[BagPrediction],
    truths: Mapping[str, NDArray[np.uint8]],
    classes: tuple[str, ...],
    weights: Array,
    single: Array,
    bootstrap: Bootstrap,
) -> Iterator[Row]:
    """A row for each question, of every class whose channel speaks of it.

    Args:
        predictions: Of the scored bags.
        truths: Labels of the instances; bags without are left out.
        classes: Names.
        weights: ``(R, bags)`` of the bootstrap.
        single: ``(patients, bags)`` of each patient alone.
        bootstrap: How intervals are taken.

    Raises:
        DataError: If a bag has another number of instances than its truth.
    """
    there = [i for i, p in enumerate(predictions) if p.case in truths]
    if not there:
        return
    chosen = [predictions[i] for i in there]
    for p in chosen:
        if len(truths[p.case]) != len(p.instances):
            raise DataError(
                f"case {p.case}: expected {len(truths[p.case])} instances, got a prediction of "
                f"{len(p.instances)}; predict this cohort again"
            )
    if chosen[0].instances.shape[1] != len(classes):
        return  # ordinal channels speak of no class
    both = np.concatenate([single, weights])[:, there]
    patients = int(single[:, there].any(axis=1).sum())
    for k, label in enumerate(classes):
        ways = {"": [p.instances[:, k] for p in chosen]}
        if all(p.attention is not None for p in chosen):
            ways["_attention"] = [_of_class(p.attention, k) for p in chosen]
        truth = [truths[p.case] == k + 1 for p in chosen]
        for way, scores in ways.items():
            if not way:
                value, both_ways = _calibration(scores, truth, both)
                alone, drawn = np.split(both_ways, [len(single)])
                ends = bootstrap.interval(value, drawn, alone)
                yield Row(
                    "instance_ece", value, *ends, len(chosen), patients, "", label,
                    "Instance calibration error", False,
                )  # fmt: skip
            for name, title, value, drawn in _scores(scores, truth, both):
                alone, drawn = np.split(drawn, [len(single)])
                low, high = bootstrap.interval(value, drawn, alone)
                said = f"{title}, by attention" if way else title
                n = len(chosen)
                yield Row(f"{name}{way}", value, low, high, n, patients, "", label, said)


def _calibration(
    logits: Sequence[NDArray[np.float32]], truth: Sequence[NDArray[np.bool_]], weights: Array
) -> tuple[float, Array]:
    """Expected calibration error of the instances, all bags pooled, in 15 bins (Naeini 2015)."""
    bags = len(logits)
    p = expit(np.concatenate(logits).astype(float))
    sizes = [len(one) for one in logits]
    key = np.repeat(np.arange(bags), sizes) * BINS + np.minimum((p * BINS).astype(int), BINS - 1)
    gap = np.bincount(key, p - np.concatenate(truth), bags * BINS).reshape(bags, BINS)
    value = float(np.abs(gap.sum(0)).sum() / sum(sizes))
    return value, ratio(np.abs(weights @ gap).sum(1), weights @ np.array(sizes, float))


def _of_class(attention: NDArray[np.float32] | None, k: int) -> NDArray[np.float32]:
    assert attention is not None
    return attention if attention.ndim == 1 else attention[:, k]


def _scores(
    scores: Sequence[NDArray[np.float32]], truth: Sequence[NDArray[np.bool_]], weights: Array
) -> Iterator[tuple[str, str, float, Array]]:
    """Name, title, value, resampled values."""
    pooled = InstanceScores(
        np.concatenate(scores).astype(float),
        np.concatenate(truth),
        np.repeat(np.arange(len(scores)), [len(s) for s in scores]),
    )
    positive, negative = _levels_of_bags(pooled, len(scores))
    yield (
        "instance_auc",
        "Instance AUC",
        float(auc(pooled.score, pooled.truth)[0]),
        auc_of_levels(weights @ positive, weights @ negative),
    )
    yield (
        "instance_ap",
        "Instance average precision",
        float(auprc(pooled.score, pooled.truth)[0]),
        ap_of_levels(weights @ positive, weights @ negative),
    )
    for name, title, each in (
        ("top1", "Highest instance is positive", _top1),
        ("top_k", "Positives among as many highest", _top_k),
        ("instance_auc_in_bag", "Instance AUC within a bag", _auc_in_bag),
    ):
        values = np.array([each(s, t) for s, t in zip(scores, truth, strict=True)])
        known = ~np.isnan(values)
        if known.any():
            drawn = ratio(weights[:, known] @ values[known], weights[:, known].sum(1))
            yield name, title, float(values[known].mean()), drawn


def _levels_of_bags(found: InstanceScores, bags: int) -> tuple[Array, Array]:
    """Positive and negative instances of each bag at each level, ``(bags, levels)``."""
    level = levels(found.score)
    count = int(level.max()) + 1
    key = found.bag * count + level
    sides = [
        np.bincount(key[found.truth == side], minlength=bags * count).reshape(bags, count)
        for side in (True, False)
    ]
    return sides[0].astype(float), sides[1].astype(float)


def _top1(score: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """Whether the highest instance of a positive bag is positive; NaN for negative bags."""
    return float(truth[np.argmax(score)]) if truth.any() else np.nan


def _top_k(score: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """Share of the k highest that are positive, where the bag has k."""
    k = int(truth.sum())
    return float(truth[np.argsort(-score, kind="stable")[:k]].mean()) if k else np.nan


def _auc_in_bag(score: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    return float(auc(score.astype(float), truth)[0]) if truth.any() and not truth.all() else np.nan
