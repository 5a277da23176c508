"""What can be said where a reference is sparse: strokes, points, boxes, a few slices, positives.

Most samples of such a case are not judged, and those that are were not drawn at random: people
draw in the middle of things. So these numbers have names of their own, and say nothing of sizes,
borders or objects. Where positives alone are marked nothing can be called wrong, and recall and
the share predicted are all there is (Bekker and Davis, *Learning from positive and unlabeled
data: a survey*, 2020).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from inklings.evaluation.metric import Metric, Options, mean_of_cases
from inklings.evaluation.overlap import Fraction, counts, dice, precision, recall
from inklings.evaluation.pairs import Pair, judgement


def _of_annotated(fraction: Fraction, options: Options, pair: Pair) -> float:
    """Over the annotated samples of a case; NaN where none is of the class on either side."""
    c = counts(pair)[options.channel]
    if fraction is not recall and not judgement(pair).negatives:
        return math.nan
    if c[:3].sum() == 0 or (fraction is recall and c[0] + c[2] == 0):
        return math.nan
    top, bottom = fraction(c)
    return float(top / bottom) if bottom else 0.0


def _accuracy(pair: Pair) -> float:
    """Share of the annotated samples called by their class, background among them."""
    right, of = recall(counts(pair))
    known = judgement(pair)
    return float(right.sum() / of.sum()) if known.negatives and known.samples else math.nan


def _predicted(options: Options, pair: Pair) -> float:
    known = judgement(pair)
    return known.called[options.channel] / known.total if known.called else math.nan


def _judged(pair: Pair) -> float:
    return judgement(pair).share


def metrics(options: Options) -> tuple[Metric, ...]:
    """Dice, precision and recall on annotated samples, and the share that is predicted, by class.

    Of all classes, listed with the first: the accuracy on annotated samples, which are those of
    strokes where people drew strokes, and the share of samples that is judged. All are means of
    cases; one without a sample of the class is not counted, whatever the policy for empty masks.
    """
    own: tuple[tuple[str, str, Callable[[Pair], float]], ...] = (
        ("dice_annotated", "Dice on annotated pixels", partial(_of_annotated, dice, options)),
        (
            "precision_annotated",
            "Precision on annotated samples",
            partial(_of_annotated, precision, options),
        ),
        (
            "recall_annotated",
            "Recall on annotated pixels",
            partial(_of_annotated, recall, options),
        ),
        ("share_predicted", "Share of all samples predicted", partial(_predicted, options)),
    )
    found = [
        replace(mean_of_cases(name, title, value), of="sparse", of_absent=name == "share_predicted")
        for name, title, value in own
    ]
    if options.channel == 0:
        joined: tuple[tuple[str, str, Callable[[Pair], float]], ...] = (
            ("accuracy_annotated", "Accuracy on annotated samples", _accuracy),
            ("share_judged", "Share of all samples judged", _judged),
        )
        found += [
            replace(mean_of_cases(name, title, value), of="sparse", of_all=True)
            for name, title, value in joined
        ]
    return tuple(found)
