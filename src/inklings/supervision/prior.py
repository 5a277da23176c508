"""How large a share of the unlabelled is positive: the class prior, from scores alone.

Reference:
    Garg et al., *Mixture Proportion Estimation and PU Learning: A Modern Approach*, NeurIPS
    2021 (Best Bin Estimation). https://arxiv.org/abs/2111.00980
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inklings.errors import LabelError

_DELTA = 0.1
_GAMMA = 0.01
_MOST = 100_000
_SLACK = 0.2


def mixture_share(
    positive: ArrayLike, mixture: ArrayLike, *, independent: int | None = None, seed: int = 0
) -> float:
    """Share of positives in a mixture (Best Bin Estimation).

    Among the scores above a cut, the share found in the mixture over the share found among
    positives bounds the mixture proportion from above; the cut with the tightest bound wins.

    Args:
        positive: Scores of known positives, held out from training.
        mixture: Scores of the unlabelled, held out from training.
        independent: How many independent samples the scores are worth; neighbouring pixels
            are not. None takes their number.
        seed: Of the subsample taken when there are more than 100,000.

    Raises:
        LabelError: If either set is empty.
    """
    rng = np.random.default_rng(seed)
    p, u = (_sorted_part(np.asarray(s, float).ravel(), rng) for s in (positive, mixture))
    if not p.size or not u.size:
        raise LabelError(
            f"estimating the prior needs known positives and unlabelled samples, got {p.size} "
            f"and {u.size}"
        )
    cuts = np.unique(np.quantile(np.concatenate([p, u]), np.linspace(0, 1, 2000)))
    above_p = 1 - np.searchsorted(p, cuts, "left") / p.size
    above_u = 1 - np.searchsorted(u, cuts, "left") / u.size
    some = above_p > 0
    n, m = (min(s.size, independent or s.size) for s in (p, u))
    slack = np.sqrt(np.log(4 / _DELTA) / 2 / m) + np.sqrt(np.log(4 / _DELTA) / 2 / n)
    bound = (above_u[some] + (1 + _GAMMA) * slack) / above_p[some]
    best = int(np.argmin(bound))
    return float(min(1.0, above_u[some][best] / above_p[some][best]))


def _sorted_part(scores: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    if scores.size > _MOST:
        scores = rng.choice(scores, _MOST, replace=False)
    return np.sort(scores)


@dataclass(frozen=True)
class Prior:
    """The estimated share of positives among all samples.

    Attributes:
        value: Best estimate.
        low: 2.5 % quantile over bootstrap resamples of the images.
        high: 97.5 % quantile.
        labelled: Share of samples that carry a positive label.

    The estimate holds where positives are missing at random. Where position decides what is
    labelled (cores, borders) the prior is not identifiable from scores, and the estimate returns
    the annotated area: correct the labels first (`inklings.correction`), which also says so.
    """

    value: float
    low: float
    high: float
    labelled: float


def estimate_prior(
    scores: Sequence[NDArray[np.floating]],
    labelled: Sequence[NDArray[np.bool_]],
    *,
    resamples: int = 50,
    seed: int = 0,
) -> Prior:
    """Class prior of a cohort from held-out scores and the positives known in it.

    Args:
        scores: ``(*S)`` score of every sample of an image, one array an image, by a model that
            has not learnt from these labels.
        labelled: ``(*S)`` True on known positives.
        resamples: Bootstrap resamples over images for the interval.
        seed: Of everything drawn.
    """
    rng = np.random.default_rng(seed)
    thin = _thinned(scores, labelled, rng)
    value = _share(thin, range(len(thin)), seed)
    draws = [
        _share(thin, rng.integers(len(thin), size=len(thin)), seed + k) for k in range(resamples)
    ]
    draws = [d for d in draws if np.isfinite(d)]
    low, high = np.quantile(draws, [0.025, 0.975]) if draws else (value, value)
    share = float(np.sum([k.sum() for k in labelled]) / np.sum([k.size for k in labelled]))
    return Prior(value, float(low), float(high), share)


def _thinned(
    scores: Sequence[NDArray[np.floating]],
    labelled: Sequence[NDArray[np.bool_]],
    rng: np.random.Generator,
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Of each image some labelled and some of all scores, the same share in every image."""
    known = sum(int(mask.sum()) for mask in labelled)
    total = sum(mask.size for mask in labelled)
    thin = []
    for values, mask in zip(scores, labelled, strict=True):
        flat = np.asarray(values, float).ravel()
        positive = flat[mask.ravel()]
        keep = (
            rng.random(positive.size) * known < _MOST,
            rng.random(flat.size) * total < 2 * _MOST,
        )
        thin.append((positive[keep[0]], flat[keep[1]]))
    return thin


def _share(
    thin: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    chosen: Sequence[int] | range | NDArray[np.int64],
    seed: int,
) -> float:
    positive = np.concatenate([thin[i][0] for i in chosen])
    mixture = np.concatenate([thin[i][1] for i in chosen])
    return mixture_share(positive, mixture, seed=seed) if positive.size else float("nan")


def threshold_at(
    scores: Sequence[NDArray[np.floating]], labelled: Sequence[NDArray[np.bool_]], prior: float
) -> float:
    """Where to cut scores that were learnt from labels which may be incomplete.

    Omission at random lowers every posterior by one factor ``c`` and leaves their order alone.
    The operating point is put back where the share of positives is right, but not farther than
    a fifth from ``c / 2``, where Bayes would cut: ``c`` is the score that labelled positives
    reach (Elkan & Noto, KDD 2008; their 90 % quantile). An estimate of the prior from few or
    poorly separated images can be wrong; this bound is not, and with complete labels it is 0.5.

    Args:
        scores: ``(*S)`` of each held-out image, in [0, 1].
        labelled: ``(*S)`` True on known positives.
        prior: Share of positives, in (0, 1).
    """
    flat = np.concatenate([np.asarray(s).ravel() for s in scores])
    known = np.concatenate(
        [np.asarray(s)[mask].ravel() for s, mask in zip(scores, labelled, strict=True)]
    )
    half = float(np.quantile(known, 0.9)) / 2
    agreed = float(np.quantile(flat, 1 - prior))
    return float(np.clip(agreed, half * (1 - _SLACK), half * (1 + _SLACK)))
