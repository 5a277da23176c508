"""Whether a probability of 0.8 is right eight times in ten.

Predictions are stored as 256 levels, so one histogram per case, samples and positives per level,
holds all that calibration can ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from inklings.evaluation.metric import Array, Metric, Options, ratio
from inklings.evaluation.pairs import Pair, once

BINS = 15
_AT_ONCE = 2**18  # samples, whose keys take eight bytes each
_LEVEL = np.arange(256) / 255
_BIN = np.minimum(np.arange(256) * BINS // 255, BINS - 1)


@once
def histogram(pair: Pair, channel: int = 0) -> Array:
    """``(512,)``: samples per level, then positives per level; zeros without probabilities."""
    if pair.predicted.probability is None:
        return np.zeros(512)
    level, truth = pair.predicted.probability[channel], pair.reference.mask[channel]
    if pair.known is not None:
        level, truth = level[pair.known], truth[pair.known]
    level, truth = level.ravel(), truth.ravel()
    split = np.zeros((2, 256), np.int64)
    for first in range(0, level.size, _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        keys = level[part].astype(np.intp) + 256 * truth[part]
        split += np.bincount(keys, minlength=512).reshape(2, 256)
    return np.concatenate([split.sum(axis=0), split[1]]).astype(float)


@dataclass(frozen=True)
class Reliability:
    """Per bin of equal width: mean probability, share of positives, samples; NaN where empty."""

    confidence: Array
    frequency: Array
    samples: Array


def reliability(sums: Array) -> Reliability:
    """Bins of a pooled histogram ``(..., 512)``; each field is ``(..., 15)``."""
    samples, positives = sums[..., :256], sums[..., 256:]
    into = np.eye(BINS)[_BIN]
    n, said, true = samples @ into, (samples * _LEVEL) @ into, positives @ into
    return Reliability(ratio(said, n), ratio(true, n), n)


def _expected_error(sums: Array) -> Array:
    bins = reliability(sums)
    gap = np.nan_to_num(np.abs(bins.confidence - bins.frequency))
    return ratio((gap * bins.samples).sum(axis=-1), bins.samples.sum(axis=-1))


def _brier(sums: Array) -> Array:
    samples, positives = sums[..., :256], sums[..., 256:]
    error = (samples * _LEVEL**2).sum(axis=-1) + (positives * (1 - 2 * _LEVEL)).sum(axis=-1)
    return ratio(error, samples.sum(axis=-1))


def metrics(options: Options) -> tuple[Metric, ...]:
    """Expected calibration error in 15 bins (Naeini 2015, Guo 2017) and Brier score, pooled.

    ECE = sum over bins of (share of samples) x |share of positives - mean probability|; the Brier
    score is the mean squared distance between probability and truth.
    """
    measure = partial(histogram, channel=options.channel)
    return (
        Metric(
            "ece",
            "Expected calibration error",
            measure,
            _expected_error,
            higher=False,
            of_absent=True,
        ),
        Metric("brier", "Brier score", measure, _brier, higher=False, column=True, of_absent=True),
    )
