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
    """The estimated share of positives in an average image.

    Every image counts alike, whatever its size, as it does where crops are drawn for training and
    where Dice is averaged. Counted by samples, two large images that a network misreads decide.

    Attributes:
        value: Best estimate.
        low: 2.5 % quantile over bootstrap resamples of the images.
        high: 97.5 % quantile.
        labelled: Share of samples of an average image that carry a positive label.

    The estimate holds where positives are missing at random. Where position decides what is
    labelled (cores, borders) the prior is not identifiable from scores, and the estimate returns
    the annotated area: correct the labels first (`inklings.weak.correction`), which also says so.
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

    Raises:
        LabelError: If none of the images has a labelled positive.
    """
    if not any(mask.any() for mask in labelled):
        raise LabelError(
            f"expected labelled positives in the held-out images, got none in {len(labelled)}: "
            "without them no prior can be estimated; hold out images that have some"
        )
    rng = np.random.default_rng(seed)
    drawn = _drawn(scores, labelled, rng)
    value = _share(drawn, range(len(drawn)), seed)
    draws = [
        _share(drawn, rng.integers(len(drawn), size=len(drawn)), seed + k) for k in range(resamples)
    ]
    draws = [d for d in draws if np.isfinite(d)]
    low, high = np.quantile(draws, [0.025, 0.975]) if draws else (value, value)
    return Prior(value, float(low), float(high), average_share(labelled))


def average_share(masks: Sequence[NDArray[np.bool_]]) -> float:
    """Share of True in an average mask ``(*S)``, every mask counting alike."""
    return float(np.mean([mask.mean() for mask in masks]))


def _drawn(
    scores: Sequence[NDArray[np.floating]],
    labelled: Sequence[NDArray[np.bool_]],
    rng: np.random.Generator,
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Of each image as many scores as of any other, and of labelled ones by their share of it."""
    shares = np.array([mask.mean() for mask in labelled])
    per_share = _MOST / max(float(shares.sum()), 1e-12)
    drawn = []
    for values, mask, share in zip(scores, labelled, shares, strict=True):
        flat = np.asarray(values, float).ravel()
        count = round(per_share * share)
        positive = rng.choice(flat[mask.ravel()], count) if count else flat[:0]
        drawn.append((positive, rng.choice(flat, -(-2 * _MOST // len(scores)))))
    return drawn


def _share(
    drawn: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    chosen: Sequence[int] | range | NDArray[np.int64],
    seed: int,
) -> float:
    positive = np.concatenate([drawn[i][0] for i in chosen])
    mixture = np.concatenate([drawn[i][1] for i in chosen])
    return mixture_share(positive, mixture, seed=seed) if positive.size else float("nan")


def threshold_at(
    scores: Sequence[NDArray[np.floating]], labelled: Sequence[NDArray[np.bool_]], prior: float
) -> float:
    """Where to cut scores that were learnt from labels which may be incomplete.

    Omission at random lowers every posterior by one factor ``c`` and leaves their order alone.
    The operating point is put back where the share of positives in an average image is right, but
    not farther than a fifth from ``c / 2``, where Bayes would cut: ``c`` is the score that
    labelled positives reach (Elkan & Noto, KDD 2008; their 90 % quantile). An estimate of the
    prior from few or poorly separated images can be wrong; this bound is not, and with complete
    labels it is 0.5.

    Args:
        scores: ``(*S)`` of each held-out image, in [0, 1].
        labelled: ``(*S)`` True on known positives.
        prior: Share of positives in an average image, in (0, 1), as `estimate_prior` gives it.
    """
    known = [np.asarray(s)[mask] for s, mask in zip(scores, labelled, strict=True)]
    sizes = [mask.size for mask in labelled]
    half = _quantile(known, 0.9, sizes) / 2
    agreed = _quantile([np.asarray(s).ravel() for s in scores], 1 - prior, sizes)
    return float(np.clip(agreed, half * (1 - _SLACK), half * (1 + _SLACK)))


def _quantile(parts: Sequence[NDArray[np.floating]], q: float, sizes: Sequence[int]) -> float:
    """Quantile over samples of all images, each of which weighs 1 / the size of its image."""
    weights = np.repeat([1 / size for size in sizes], [part.size for part in parts])
    return float(np.quantile(np.concatenate(parts), q, weights=weights, method="inverted_cdf"))
