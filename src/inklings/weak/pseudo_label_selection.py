"""Of labels that are too wide, what was said to be right: the end of what a teacher does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inklings.data.array_cache import ArrayCache, arrays_of_cases
from inklings.data.examples import Examples
from inklings.supervision.base import Target

HALF = 128


class Levels(NamedTuple):
    """Scores below the first mean no, above the second yes, and between them nothing."""

    doubtful: float
    sure: float


@dataclass(frozen=True)
class Answer:
    """Samples ``(*S)`` that are surely of a class, and that may be, which holds the former."""

    sure: NDArray[np.bool_]
    maybe: NDArray[np.bool_]


def inside(target: Target, k: int) -> NDArray[np.bool_]:
    """Where the label of class ``k`` says yes."""
    return target.positive(k)


def insides(target: Target) -> NDArray[np.bool_]:
    """Where the label of each class says yes, ``(K, *S)``."""
    return target.positives


def thinned_cases(
    labels: Examples,
    shelf: ArrayCache,
    make: Callable[[Sequence[int]], Sequence[Target]],
    what: str,
) -> list[Target]:
    """What ``make`` makes of the images of each case; those with nothing inside stay as they are.

    Args:
        labels: Images with labels that are too wide.
        shelf: Of what is made of them.
        make: From the numbers of images of one case to their targets.
        what: In words, for the progress.
    """

    def channels(mine: Sequence[int]) -> NDArray[np.uint8]:
        return np.stack([np.concatenate([t.value, t.known]) for t in make(mine)])

    targets = list(labels.targets)
    within = [bool(insides(target).any()) for target in targets]
    for i, made in arrays_of_cases(labels, shelf, channels, what, within):
        count = len(targets[i].value)
        targets[i] = Target(made[:count], made[count:].view(np.bool_))
    return targets


def thinned(told: Target, answers: Sequence[Answer | None]) -> Target:
    """Of the inside of each class the sure part is positive, what only may be is not told.

    Args:
        told: Labels as they were given; their outside stays as it is.
        answers: Of the classes; None for those with nothing inside.
    """
    value, known = np.zeros_like(told.value), told.known.copy()
    for k, answer in enumerate(answers):
        if answer is None:
            continue
        within = inside(told, k)
        value[k] = (answer.sure & within) * np.uint8(255)
        own = known if len(known) == 1 else known[k : k + 1]
        own &= ~within | answer.sure | ~answer.maybe
    return Target(value * known.astype(np.uint8), known)


def shares(before: Sequence[Target], after: Sequence[Target], k: int) -> tuple[float, float]:
    """Shares of the inside that are now positive and negative."""
    count = positive = negative = 0
    for old, new in zip(before, after, strict=True):
        region = inside(old, k)
        count += int(region.sum())
        positive += int((region & inside(new, k)).sum())
        negative += int((region & new.known_of(k) & (new.value[k] < HALF)).sum())
    return positive / max(count, 1), negative / max(count, 1)
