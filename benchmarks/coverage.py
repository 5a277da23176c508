"""How often the 95 % intervals of `inklings.evaluation.intervals` hold the truth.

    .venv/bin/python benchmarks/coverage.py [redraws]

Draws many small studies whose truth is known and counts. A row for each kind of numbers, a pair of
columns for 8, 20 and 100 patients: coverage in per cent, and mean width.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from inklings.evaluation.intervals import (
    Bootstrap,
    around,
    difference,
    skewness,
    standard_error,
)
from inklings.evaluation.metric import SHARE, SIZE, Span
from inklings.evaluation.ranking import auc

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Array]
SIZES = (8, 20, 100)
DRAWS = 500

MEANS: tuple[tuple[str, Draw, float, Span], ...] = (
    ("Dice about 0.9", lambda r, s: r.beta(18, 2, s), 0.9, SHARE),
    ("Dice, skewed, about 0.9", lambda r, s: r.beta(9, 1, s), 0.9, SHARE),
    ("Dice, near 1", lambda r, s: r.beta(50, 1, s), 50 / 51, SHARE),
    ("Dice about 0.5", lambda r, s: r.beta(2, 2, s), 0.5, SHARE),
    ("Dice, 3 of 10 cases missed", lambda r, s: _missed(r, s, 0.3), 0.63, SHARE),
    ("Dice, 1 of 10 cases missed", lambda r, s: _missed(r, s, 0.1), 0.81, SHARE),
    ("share of patients, 0.7 (exact)", lambda r, s: (r.random(s) < 0.7) * 1.0, 0.7, SHARE),
    ("share of patients, 0.9 (exact)", lambda r, s: (r.random(s) < 0.9) * 1.0, 0.9, SHARE),
    ("distance, gamma", lambda r, s: r.gamma(4, 1, s), 4.0, SIZE),
    ("distance, exponential", lambda r, s: r.exponential(1, s), 1.0, SIZE),
    ("distance, log-normal, sd 0.5", lambda r, s: r.lognormal(0, 0.5, s), np.exp(0.125), SIZE),
    ("distance, log-normal, sd 1", lambda r, s: r.lognormal(0, 1, s), np.exp(0.5), SIZE),
    ("distance, inverse Gaussian", lambda r, s: r.wald(1, 1, s), 1.0, SIZE),
    ("distance, Pareto, index 3", lambda r, s: 1 + r.pareto(3, s), 1.5, SIZE),
)


def _missed(rng: np.random.Generator, shape: tuple[int, int], share: float) -> Array:
    found: Array = rng.beta(18, 2, shape) * (rng.random(shape) >= share)
    return found


def means(draw: Draw, span: Span, n: int, redraws: int) -> tuple[Array, Array]:
    """Intervals of the mean over patients, ``(redraws,)`` each."""
    values = draw(np.random.default_rng(n), (redraws, n))
    drawn = Bootstrap(DRAWS).weights(n) @ values.T / n
    exact = np.isin(values, span).all(axis=1)
    error, skew = standard_error(drawn, n), skewness(drawn, n)
    return around(values.mean(1), error, n, span, None, exact, skew=skew)


def pooled(n: int, redraws: int) -> tuple[Array, Array, float]:
    """Dice of all samples: patients of several cases, whose sizes vary and go with the Dice."""
    rng = np.random.default_rng(n)
    many = 200_000
    hits, size = _pooled(rng, many)
    truth = hits.sum() / size.sum()
    top, bottom = (v.reshape(redraws, n) for v in _pooled(rng, redraws * n))
    weights = Bootstrap(DRAWS).weights(n)
    drawn = (weights @ top.T) / (weights @ bottom.T)
    low, high = around(top.sum(1) / bottom.sum(1), standard_error(drawn, n), n)
    return low, high, float(truth)


def _pooled(rng: np.random.Generator, patients: int) -> tuple[Array, Array]:
    dice, size = rng.beta(12, 2, patients), rng.lognormal(0, 0.7, patients)
    cases = rng.integers(1, 5, patients)
    size = size * cases
    dice = dice**0.8 * np.minimum(1, 0.9 + 0.1 * size / (1 + size))
    return dice * size, size


def areas(truth: float, n: int, redraws: int) -> tuple[Array, Array]:
    """Intervals of the area under the ROC curve; half of the patients are positive."""
    rng = np.random.default_rng(n)
    positive = np.arange(n) % 2 == 0
    shift = np.sqrt(2) * stats.norm.ppf(truth)
    weights = Bootstrap(DRAWS).weights(n)
    kinds = (int(positive.sum()), int((~positive).sum()))
    ends = [
        Bootstrap().interval(
            float(auc(score, positive)[0]),
            auc(score, positive, weights),
            np.full(n, np.nan),
            kinds=kinds,
        )
        for score in rng.normal(0, 1, (redraws, n)) + shift * positive
    ]
    low, high = np.array(ends).T
    return low, high


def differences(missed: float, n: int, redraws: int) -> tuple[Array, Array, float]:
    """Intervals of the mean difference of two runs on the same patients."""
    rng = np.random.default_rng(n)
    base = rng.beta(12, 2, (redraws, n))
    one, other = (
        np.clip(base + rng.normal(shift, 0.03, base.shape), 0, 1)
        * (rng.random(base.shape) >= missed)
        for shift in (0.0, -0.01)
    )
    truth = float((one - other).mean())
    gap = one - other
    drawn = Bootstrap(DRAWS).weights(n) @ gap.T / n
    found = [
        difference(m, 0.0, d, n, int(np.count_nonzero(g)))
        for m, d, g in zip(gap.mean(1), drawn.T, gap, strict=True)
    ]
    return np.array([d.low for d in found]), np.array([d.high for d in found]), truth


def table(redraws: int) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Name, and coverage in per cent and mean width for each number of patients."""
    for name, draw, truth, span in MEANS:
        yield name, [_held(*means(draw, span, n, redraws), truth) for n in SIZES]
    yield "Dice, pooled, 1 to 4 cases a patient", [_held(*pooled(n, redraws)) for n in SIZES]
    for truth in (0.75, 0.9, 0.97):
        name = f"AUC {truth:g}, half of the patients positive"
        yield name, [_held(*areas(truth, n, redraws), truth) for n in SIZES]
    for missed in (0.0, 0.1):
        name = "difference of two runs" + (", each misses 1 case of 10" if missed else "")
        yield name, [_held(*differences(missed, n, redraws)) for n in SIZES]


def _held(low: Array, high: Array, truth: float) -> tuple[float, float]:
    held = (low <= truth + 1e-12) & (truth <= high + 1e-12)
    return 100 * float(held.mean()), float(np.nanmean(high - low))


def main() -> None:
    """Print the table."""
    redraws = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"| {redraws} redraws | " + " | ".join(f"n = {n}" for n in SIZES) + " |")
    print("|---" * (1 + len(SIZES)) + "|")
    for name, cells in table(redraws):
        told = " | ".join(f"{held:.1f} % ({width:.3f})" for held, width in cells)
        print(f"| {name} | {told} |", flush=True)


if __name__ == "__main__":
    main()
