"""In which order images are seen: all of them, or some of them more often than others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from inklings.data.examples import Examples
from inklings.errors import SpecError
from inklings.spec import Sampling
from inklings.supervision.base import Target

# First word of the seeds, so that order and content of batches are drawn independently.
_ORDER = 0
_LEAST = 0.05


class Shuffle:
    """Every image (or bag) once an epoch, a function of the seed and the number of the epoch alone.

    Attributes:
        length: Places of an epoch.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count = self.length = count
        self.seed = seed
        self._latest = lru_cache(maxsize=4)(self.epoch)

    def epoch(self, number: int) -> NDArray[np.int64]:
        """Indices of epoch ``number``, in order."""
        return default_rng([self.seed, _ORDER, number]).permutation(self.count)

    def at(self, place: int) -> int:
        """The index at a place, counted from the start of the run."""
        epoch, turn = divmod(place, self.length)
        return int(self._latest(epoch)[turn])


class Sampler(Shuffle):
    """The images of every epoch, a function of the seed and the number of the epoch alone.

    An epoch has as many places as there are images (in whole bags). Without weights each image
    has one of them; with weights it has a share of them, by systematic sampling, so that an
    image whose share is 2.3 comes twice or three times and never five times.

    Attributes:
        length: Places of an epoch.
    """

    def __init__(self, examples: Examples, sampling: Sampling, seed: int) -> None:
        """Weigh the images.

        Raises:
            SpecError: If bags are asked for and the images are of no cases.
        """
        super().__init__(len(examples), seed)
        self.bag = sampling.bag
        self.length = -(-self.count // self.bag) * self.bag
        groups = list(examples.groups) or list(examples.ids)
        self.weights = (
            np.asarray(examples.weights, float)
            if len(examples.weights)
            else _weights(groups, examples.targets, sampling)
        )
        if self.bag > 1:
            if not examples.groups:
                raise SpecError(
                    f"sampling.bag {self.bag}: expected tiles of slides, got pictures; give tiles:"
                )
            self._members = [np.flatnonzero(m) for m in _one_hot(groups)]
            # Some tiles of a positive slide may say nothing but negative.
            kinds = _kinds(examples.targets, 0.0)
            self._kinds = np.array([kinds[m].max() for m in self._members])

    def epoch(self, number: int) -> NDArray[np.int64]:
        """Indices of the images of epoch ``number``, in order."""
        rng = default_rng([self.seed, _ORDER, number])
        if self.bag > 1:
            return self._bags(rng)
        if self.weights is None:
            return super().epoch(number)
        return rng.permutation(_systematic(self.weights, self.count, rng))

    def _bags(self, rng: Generator) -> NDArray[np.int64]:
        """Bags of cases of alternating kinds (positive, negative); small cases repeat tiles."""
        share = _even(self._kinds)
        cases = rng.permutation(_systematic(share, self.length // self.bag, rng))
        bags = []
        for case in cases:
            members = self._members[int(case)]
            turns = -(-self.bag // len(members))
            drawn = np.concatenate([rng.permutation(members) for _ in range(turns)])
            bags.append(drawn[: self.bag])
        return np.concatenate(bags)


def _weights(
    groups: Sequence[str], targets: Sequence[Target], sampling: Sampling
) -> NDArray[np.float64] | None:
    """Share of each image of an epoch, summing to one; None where all are alike."""
    if not (sampling.by_case or sampling.by_class):
        return None
    kinds = _kinds(targets, _LEAST) if sampling.by_class else np.zeros(len(groups), np.int64)
    cases = (
        np.unique(groups, return_inverse=True)[1] if sampling.by_case else np.arange(len(groups))
    )
    # Kinds are even, and within a kind the cases that have tiles of it are.
    weights = np.zeros(len(groups))
    for kind in np.unique(kinds):
        inside = np.flatnonzero(kinds == kind)
        weights[inside] = _even(cases[inside])
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def _even(kinds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shares that sum to one, the same for every kind."""
    _, index, counts = np.unique(kinds, return_inverse=True, return_counts=True)
    return 1.0 / (counts[index] * len(counts))


def _kinds(targets: Sequence[Target], least: float) -> NDArray[np.int64]:
    """Class that covers most of each image plus one; 0 where none covers more than ``least``."""
    kinds = []
    for target in targets:
        shares = target.positives.reshape(len(target.value), -1).mean(1)
        best = int(shares.argmax())
        kinds.append(best + 1 if shares[best] > least else 0)
    return np.array(kinds, np.int64)


def _one_hot(groups: Sequence[str]) -> NDArray[np.bool_]:
    names, index = np.unique(groups, return_inverse=True)
    hot: NDArray[np.bool_] = np.arange(len(names))[:, None] == index
    return hot


def _systematic(weights: NDArray[np.float64], count: int, rng: Generator) -> NDArray[np.int64]:
    """``count`` indices, each ``i`` floor or ceil of ``count * weights[i]`` times."""
    order = rng.permutation(len(weights))
    ends = np.cumsum(weights[order])
    points = (rng.random() + np.arange(count)) / count * ends[-1]
    drawn: NDArray[np.int64] = order[
        np.minimum(np.searchsorted(ends, points, side="right"), len(order) - 1)
    ]
    return drawn
