"""Overlap of masks: Dice, IoU, precision, recall, specificity, per case and pooled.

With TP, FP, FN, TN counted over samples: Dice = 2 TP / (2 TP + FP + FN) (Dice 1945),
IoU = TP / (TP + FP + FN) (Jaccard 1912), precision = TP / (TP + FP), recall = TP / (TP + FN),
specificity = TN / (TN + FP). The mean of cases weighs images alike; pooled metrics weigh samples
alike. Where a case is empty on both sides the declared policy counts (`Options.empty`); where only
one side is empty every overlap is 0, also precision and recall whose denominator is then 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inklings.evaluation.metric import Array, Metric, Options, mean_of_cases, ratio
from inklings.evaluation.pairs import Pair, once

Fraction = Callable[[Array], tuple[Array, Array]]
"""Counts ``(..., [TP, FP, FN, TN])`` to numerator and denominator."""


@once
def counts(pair: Pair) -> NDArray[np.float64]:
    """``(K + 1, [TP, FP, FN, TN])`` samples per class; the last row is the background."""
    known = pair.known
    total = (
        pair.reference.mask.size // len(pair.reference.mask)
        if known is None
        else int(np.count_nonzero(known))
    )
    rows = []
    for p, r in zip(
        _with_background(pair.predicted.mask, known),
        _with_background(pair.reference.mask, known),
        strict=True,
    ):
        both, said, true = (np.count_nonzero(mask) for mask in (p & r, p, r))
        rows.append([both, said - both, true - both, total - said - true + both])
    return np.array(rows, np.float64)


def _with_background(
    mask: NDArray[np.bool_], known: NDArray[np.bool_] | None
) -> Iterator[NDArray[np.bool_]]:
    yield from mask
    background = np.logical_not(mask.any(axis=0))
    yield background if known is None else background & known


def dice(c: Array) -> tuple[Array, Array]:
    """2 TP / (2 TP + FP + FN)."""
    return 2 * c[..., 0], 2 * c[..., 0] + c[..., 1] + c[..., 2]


def iou(c: Array) -> tuple[Array, Array]:
    """TP / (TP + FP + FN)."""
    return c[..., 0], c[..., 0] + c[..., 1] + c[..., 2]


def precision(c: Array) -> tuple[Array, Array]:
    """TP / (TP + FP): which share of what was found is true."""
    return c[..., 0], c[..., 0] + c[..., 1]


def recall(c: Array) -> tuple[Array, Array]:
    """TP / (TP + FN): which share of what is true was found."""
    return c[..., 0], c[..., 0] + c[..., 2]


def specificity(c: Array) -> tuple[Array, Array]:
    """TN / (TN + FP): which share of the background was left alone."""
    return c[..., 3], c[..., 3] + c[..., 1]


def of_case(fraction: Fraction, options: Options, pair: Pair) -> float:
    """Value of one case under the policy for empty masks; NaN is not counted."""
    c = counts(pair)[options.channel]
    if c[:3].sum() == 0 and fraction is not specificity:
        return options.both_empty
    top, bottom = fraction(c)
    if bottom == 0:
        return math.nan if fraction is specificity else 0.0
    return float(top / bottom)


def _pooled(fraction: Fraction, sums: Array) -> Array:
    return ratio(*fraction(sums))


def _mean_iou(sums: Array) -> Array:
    return _mean_of_classes(_pooled(iou, sums))


def _mean_class_accuracy(sums: Array) -> Array:
    return _mean_of_classes(_pooled(recall, sums))


def _overall_accuracy(sums: Array) -> Array:
    right, of = recall(sums)
    return ratio(right.sum(axis=-1), of.sum(axis=-1))


def _frequency_weighted_iou(sums: Array) -> Array:
    _, size = recall(sums)
    values = np.where(size > 0, _pooled(iou, sums), 0)
    return ratio((size * values).sum(axis=-1), size.sum(axis=-1))


def _mean_of_classes(values: Array) -> Array:
    """Mean over classes and background, of those that occur."""
    there = ~np.isnan(values)
    return ratio(np.where(there, values, 0).sum(axis=-1), there.sum(axis=-1).astype(float))


def metrics(options: Options) -> tuple[Metric, ...]:
    """Dice, IoU, precision, recall and specificity, each twice, and those of all classes.

    These are taken over the classes and the background of the pooled counts, and listed with the
    first class: the mean IoU as in PASCAL VOC (Everingham 2010); on request the share of samples
    called by their class (overall accuracy), the mean of that over classes and the IoU weighed by
    how often a class occurs (Long 2015, who calls them pixel acc., mean acc. and f.w. IU; programs
    that print "FreqW Acc" mean the last).
    """
    fractions: tuple[tuple[str, str, Fraction], ...] = (
        ("dice", "Dice", dice),
        ("iou", "IoU", iou),
        ("precision", "Precision", precision),
        ("recall", "Recall", recall),
        ("specificity", "Specificity", specificity),
    )
    means = [
        replace(
            mean_of_cases(name, f"{title}, mean of cases", partial(of_case, fraction, options)),
            of_absent=fraction is specificity,
        )
        for name, title, fraction in fractions
    ]
    pooled = [
        Metric(
            f"{name}_pooled",
            f"{title}, pooled",
            lambda pair: counts(pair)[options.channel],
            partial(_pooled, fraction),
            of_absent=fraction is specificity,
        )
        for name, title, fraction in fractions
    ]
    ordered = [metric for both in zip(means, pooled, strict=True) for metric in both]
    if options.channel == 0:
        ordered.insert(4, _of_classes("miou", "Mean IoU", _mean_iou))
        ordered += [
            _of_classes("overall_accuracy", "Overall accuracy", _overall_accuracy, True),
            _of_classes("mean_class_accuracy", "Mean class accuracy", _mean_class_accuracy, True),
            _of_classes(
                "frequency_weighted_iou", "Frequency-weighted IoU", _frequency_weighted_iou, True
            ),
        ]
    return tuple(ordered)


def _of_classes(
    name: str, title: str, value: Callable[[Array], Array], on_request: bool = False
) -> Metric:
    """One number of the counts ``(..., K + 1, 4)`` of all classes and the background."""
    return Metric(
        name,
        f"{title} with background, pooled",
        lambda pair: counts(pair).ravel(),
        lambda sums: value(sums.reshape(*sums.shape[:-1], -1, 4)),
        on_request=on_request,
        of_all=True,
    )
