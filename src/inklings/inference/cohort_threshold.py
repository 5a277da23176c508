"""Thresholds at which the share predicted of a whole cohort is the prior of a run.

A fixed threshold carries over from one cohort to the next as far as the level of the scores does;
their order carries farther. So the cohort is predicted first, and then cut where the share of
positives of an average image, over all images together, is the prior: a quantile of what was
predicted. Maps are stored as 256 levels, so a histogram of each image is all that is kept of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inklings.errors import SpecError
from inklings.geometry import Region
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import BY_PRIOR, RESTS_ON, Head
from inklings.predictions.slides import SlidePrediction
from inklings.progress import note, track
from inklings.runs.run import Run

FEW = 10
_BLOCK, _LEVELS = 2048, 256


def priors_of(run: Run) -> tuple[float, ...]:
    """The share of positives of each class that a run has estimated, or was told.

    Raises:
        SpecError: If it says none.
    """
    said = run.record.prior
    found = [one["value"] for one in said] if isinstance(said, list | tuple) else [said]
    if len(found) != len(run.classes) or not all(isinstance(one, float) for one in found):
        raise SpecError(
            f"--threshold prior: {run.folder or 'the run'} says no prior of "
            f"{', '.join(run.classes)}; train with inference.threshold auto or prior and labelled "
            "cases in the validation part"
        )
    return tuple(float(one) for one in found)


def looks_incomplete(run: Run) -> bool:
    """Whether a run found that objects are missing among its labels (``--threshold auto``)."""
    return any(one.get("rule") == "prior" for one in run.record.facts.get("thresholds", ()))


def shares(there: PredictionFolder, case: str) -> NDArray[np.float64]:
    """Share of a case at and above each level, ``(K, 256)``; of a slide of its tissue."""
    classes = len(there.head.classes)
    if case not in there.slides:
        dense = DensePrediction.read(there.path, case).dense[:classes]
        counts = np.stack([np.bincount(one.ravel(), minlength=_LEVELS) for one in dense])
        share: NDArray[np.float64] = _above(counts) / dense[0].size
        return share
    record = SlidePrediction.read(there.path, case)
    counts = np.zeros((classes, _LEVELS), np.int64)
    height, width = record.map_shape
    with record.heatmap(there.path) as heat:
        for y, x in itertools.product(range(0, height, _BLOCK), range(0, width, _BLOCK)):
            size = (min(_BLOCK, height - y), min(_BLOCK, width - x))
            for k, one in enumerate(heat.read(Region((y, x), size))):
                counts[k] += np.bincount(one.ravel(), minlength=_LEVELS)
    tissue = record.tissue.pixels / (record.factor[0] * record.factor[1])
    return np.minimum(_above(counts) / max(tissue, 1.0), 1.0)  # all else is level 0


def _above(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return counts[:, ::-1].cumsum(1)[:, ::-1].astype(np.float64)


def at_prior(above: NDArray[np.float64], priors: Sequence[float]) -> tuple[float, ...]:
    """The threshold of each class whose share is nearest to its prior; of several the middle one.

    Args:
        above: ``(N, K, 256)`` share of each image at and above each level.
        priors: One a class.
    """
    chosen = []
    for mean, prior in zip(above.mean(0)[:, 1:], priors, strict=True):  # level 0 is everything
        away = np.abs(mean - prior)
        nearest = np.flatnonzero(away == away.min()) + 1
        chosen.append(float(nearest[len(nearest) // 2] - 0.5) / 255)
    return tuple(chosen)


def put(there: PredictionFolder, anew: bool) -> Head | None:
    """Say in the head where the thresholds are, from all cases; what was made of them is not yet.

    Args:
        there: All that is predicted.
        anew: Whether some of it was predicted since, and so cut at the thresholds of the run.

    Returns:
        The head for `done` after everything is cut anew; None where all is as it was.
    """
    head, cases = there.head, there.cases
    if not cases:
        return None
    priors = tuple(head.settings[BY_PRIOR])
    above = np.stack([shares(there, case) for case in track(cases, "levels", len(cases))])
    thresholds = at_prior(above, priors)
    same = thresholds == head.thresholds and head.settings.get(RESTS_ON) == len(cases)
    if same and not anew:
        return None
    _say(head, thresholds, priors, above.mean(0), len(cases))
    replace(head, thresholds=thresholds, settings={**head.settings, RESTS_ON: 0}).write(there.path)
    return replace(head, thresholds=thresholds, settings={**head.settings, RESTS_ON: len(cases)})


def _say(
    head: Head,
    thresholds: Sequence[float],
    priors: Sequence[float],
    above: NDArray[np.float64],
    count: int,
) -> None:
    for k, (name, threshold, prior) in enumerate(
        zip(head.classes, thresholds, priors, strict=True)
    ):
        share = above[k, round(threshold * 255 + 0.5)]
        note(
            f"threshold of {name} {threshold:.3f}: {share:.2%} of {count} images together, where "
            f"the run's prior is {prior:.2%}"
        )
    if count < FEW:
        note(
            f"warning: thresholds rest on {count} image{'s' if count > 1 else ''}; if they show "
            "more or less than usual, every mask is off: predict more of them together, or take "
            "the threshold of the run"
        )
