"""Whether a slide as a whole is positive: by its largest probability, and by the area of a class.

Scores are ranks on a scale of 1,024 levels, so that a set of slides is again a sum, and a bootstrap
over patients a product of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from inklings.evaluation.intervals import Bootstrap, sum_by_patient
from inklings.evaluation.metric import Array, Metric, Options
from inklings.evaluation.pairs import Pair, once
from inklings.evaluation.ranking import auc_of_levels
from inklings.evaluation.scores import Row
from inklings.evaluation.scoring import Chosen, Measured

RANKED = "auc_slide_"
"""What the names of these metrics begin with."""

_LEVELS = 1024


@dataclass(frozen=True)
class Whole:
    """What is said of a slide as a whole, and what is true, for one class.

    Attributes:
        peak: Largest probability, in [0, 1].
        share: Of the tissue that belongs to the class.
        present: Whether the class is there; None where nobody knows.
    """

    peak: float
    share: float
    present: bool | None


@once
def whole(pair: Pair, channel: int = 0) -> Whole | None:  # noqa: ARG001
    """What is known of a slide as a whole; None for what is no slide."""
    return None


def slide_metrics(options: Options) -> tuple[Metric, ...]:
    """Areas under the ROC curve of slides, by their peak and by their share."""
    return tuple(
        Metric(
            f"{RANKED}{name}",
            f"AUC of slides by {title}",
            partial(_ranked, options.channel, score),
            lambda sums: auc_of_levels(sums[..., _LEVELS:], sums[..., :_LEVELS]),
            of="any",
        )
        for name, title, score in (
            ("peak", "largest probability", lambda slide: slide.peak),
            # A root, since most shares are small and would share a level.
            ("area", "share of the tissue", lambda slide: slide.share**0.25),
        )
    )


def _ranked(channel: int, score: Callable[[Whole], float], pair: Pair) -> Array:
    """One at the level of the score of a slide, negatives in the first half."""
    sums = np.zeros(2 * _LEVELS)
    slide = whole(pair, channel)
    if slide is not None and slide.present is not None:
        level = min(int(score(slide) * (_LEVELS - 1) + 0.5), _LEVELS - 1)
        sums[level + (_LEVELS if slide.present else 0)] = 1
    return sums


def ranks(measured: Sequence[Measured], chosen: Chosen, bootstrap: Bootstrap) -> Iterator[Row]:
    """Rows of the metrics that only a set of slides has."""
    for place, (metric, label) in enumerate(zip(chosen.metrics, chosen.labels, strict=True)):
        if not metric.name.startswith(RANKED):
            continue
        labelled = [m for m in measured if m.sums[place].any()]
        if not labelled:
            continue
        patients = [m.patient for m in labelled]
        sums = sum_by_patient(np.stack([m.sums[place] for m in labelled]), patients)
        value = float(metric.summarise(sums.sum(axis=0)))
        if np.isnan(value):
            continue
        drawn = metric.summarise(bootstrap.weights(len(sums)) @ sums)
        halves = sums.reshape(len(sums), 2, _LEVELS).any(axis=2).sum(axis=0)
        kinds = (int(halves[1]), int(halves[0]))
        low, high = bootstrap.interval(value, drawn, metric.summarise(sums), kinds=kinds)
        yield Row(metric.name, value, low, high, len(labelled), len(sums), "", label, metric.title)
