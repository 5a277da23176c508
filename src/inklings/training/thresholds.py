"""Where to cut probabilities: the threshold with the best mean Dice on the validation part."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from inklings.supervision.base import Target

LEVELS = 256
NO_COUNTS: NDArray[np.int64] = np.zeros((0, 2, LEVELS), np.int64)
"""Of models that say no probabilities."""


def counts(dense: NDArray[np.uint8], target: Target) -> NDArray[np.int64]:
    """Known positives and negatives at and above each level, ``(K, 2, 256)``.

    Args:
        dense: ``(K, *S)`` quantised probabilities.
        target: What is not known of a channel is not counted for it.
    """
    result = np.empty((len(dense), 2, LEVELS), np.int64)
    for k, channel in enumerate(dense):
        truth = target.positive(k)
        for row, chosen in enumerate((truth, ~truth & target.known_of(k))):
            histogram = np.bincount(channel[chosen], minlength=LEVELS)
            result[k, row] = histogram[::-1].cumsum()[::-1]
    return result


def counted_of(chance: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.int64]:
    """`counts` ``(1, 2, 256)`` of probabilities ``(n,)`` of samples that are positive or not."""
    levels = np.rint(chance * (LEVELS - 1)).astype(np.uint8)
    return counts(
        levels[None], Target(positive[None].astype(np.uint8) * 255, np.ones_like(positive))
    )


def dice(counted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Dice at each level, ``(..., 256)``; NaN where there is nothing to find.

    Args:
        counted: ``(..., 2, 256)`` of `counts`.
    """
    hits, false = counted[..., 0, :], counted[..., 1, :]
    positives = hits[..., :1]
    return np.where(positives > 0, 2 * hits / np.maximum(hits + false + positives, 1), np.nan)


def choose(
    pairs: Iterable[tuple[NDArray[np.uint8], Target]],
    default: float = 0.5,
    pooled: bool = False,
) -> tuple[float, ...]:
    """The threshold of each channel with the best mean Dice over images.

    Of the levels that come within a thousandth of the best, the middle one is taken: a plateau
    says that the choice does not matter, and its middle is the safest place on it. A channel
    that no image shows keeps ``default``, and so does one where the best level gains less than a
    standard error of the gain over images: that is no evidence against it (Breiman 1984).

    Args:
        pairs: Predictions ``(K, *S)`` with what is known of them.
        default: Where there is no evidence.
        pooled: Take the Dice of all samples together: for tiles, most of which show nothing,
            so that a mean over the others would not see what is called there by mistake.
    """
    return best_of(np.stack([counts(dense, target) for dense, target in pairs]), default, pooled)


def best_of(
    counted: NDArray[np.int64], default: float = 0.5, pooled: bool = False
) -> tuple[float, ...]:
    """`choose` from ``(N, K, 2, 256)`` of `counts`."""
    table = dice(counted.sum(0, keepdims=True) if pooled else counted)
    half = round(default * 255 + 0.5)
    chosen = []
    for k in range(table.shape[1]):
        rows = table[:, k][~np.isnan(table[:, k, 0])]
        if not len(rows):
            chosen.append(default)
            continue
        mean = rows.mean(0)[1:]  # level 0 would call everything positive
        best = np.flatnonzero(mean >= mean.max() - 1e-3) + 1
        level = int(best[len(best) // 2])
        gain = rows[:, level] - rows[:, half]
        doubt = gain.std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else 0.0
        chosen.append(default if gain.mean() < doubt else level / 255)
    return tuple(chosen)
