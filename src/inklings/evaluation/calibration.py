"""Whether a probability of 0.8 is right eight times in ten.

Predictions are stored as 256 levels, so one histogram per case, samples and positives per level,
holds all that calibration can ask.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from inklings.calibration.measure import brier, expected_error
from inklings.evaluation.metric import Array, Metric, Options
from inklings.evaluation.pairs import Pair, once

_AT_ONCE = 2**18  # samples, whose keys take eight bytes each


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


def metrics(options: Options) -> tuple[Metric, ...]:
    """Expected calibration error in 15 bins (Naeini 2015, Guo 2017) and Brier score, pooled."""
    measure = partial(histogram, channel=options.channel)
    return (
        Metric(
            "ece",
            "Expected calibration error",
            measure,
            expected_error,
            higher=False,
            of_absent=True,
        ),
        Metric("brier", "Brier score", measure, brier, higher=False, column=True, of_absent=True),
    )
