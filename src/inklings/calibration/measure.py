"""How wrong probabilities are, from samples and positives at each of 256 levels.

The levels are those of stored maps, so one histogram a case holds all that is asked, and sums of
histograms are those of all cases together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BINS = 15
_LEVEL = np.arange(256) / 255
_BIN = np.minimum(np.arange(256) * BINS // 255, BINS - 1)


@dataclass(frozen=True)
class Reliability:
    """Per bin of equal width: mean probability, share of positives, samples; NaN where empty."""

    confidence: Array
    frequency: Array
    samples: Array


def reliability(sums: NDArray[Any]) -> Reliability:
    """Bins of a histogram ``(..., 512)``, samples and then positives; each field ``(..., 15)``."""
    samples, positives = sums[..., :256], sums[..., 256:]
    into = np.eye(BINS)[_BIN]
    n, said, true = samples @ into, (samples * _LEVEL) @ into, positives @ into
    return Reliability(_ratio(said, n), _ratio(true, n), n)


def expected_error(sums: NDArray[Any]) -> Array:
    """Expected calibration error ``(...)`` in 15 bins (Naeini 2015, Guo 2017).

    The sum over bins of (share of samples) x |share of positives - mean probability|.
    """
    bins = reliability(sums)
    gap = np.nan_to_num(np.abs(bins.confidence - bins.frequency))
    return _ratio((gap * bins.samples).sum(axis=-1), bins.samples.sum(axis=-1))


def brier(sums: NDArray[Any]) -> Array:
    """Mean squared distance ``(...)`` between probability and truth (Brier 1950)."""
    samples, positives = sums[..., :256], sums[..., 256:]
    error = (samples * _LEVEL**2).sum(axis=-1) + (positives * (1 - 2 * _LEVEL)).sum(axis=-1)
    return _ratio(error, samples.sum(axis=-1))


def _ratio(over: NDArray[Any], under: NDArray[Any]) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(under > 0, over / under, np.nan), np.float64)
