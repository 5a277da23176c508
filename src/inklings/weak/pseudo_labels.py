"""Maps of a teacher cut into what is positive, what is negative, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.data.array_cache import ArrayCache
from inklings.data.examples import Examples
from inklings.inference.crf import CRF, colours, even_at, sharpen
from inklings.spec import Teacher
from inklings.supervision.base import Target
from inklings.weak.pseudo_label_selection import (
    HALF,
    Answer,
    Levels,
    inside,
    thinned,
    thinned_cases,
)


def marked(
    labels: Examples,
    maps: Sequence[NDArray[np.uint8]],
    levels: Sequence[Levels],
    crf: Mapping[str, float] | None,
    shelf: ArrayCache,
) -> list[Target]:
    """What maps make of the labels as they were given, at the levels of chance."""

    def mark(mine: Sequence[int]) -> list[Target]:
        own = ((labels.images[i], maps[i], labels.targets[i]) for i in mine)
        return [_target(image, dense, told, levels, crf) for image, dense, told in own]

    return thinned_cases(labels, shelf, mark, "teacher marks")


def levels_of(
    maps: Sequence[NDArray[np.uint8]],
    targets: Sequence[Target],
    k: int,
    share: float,
    spec: Teacher,
) -> Levels:
    """The scores that ``share`` of the pixels outside exceed, and ``spec.ignore_band`` times it."""
    count = np.zeros(257, np.int64)
    for dense, target in zip(maps, targets, strict=True):
        outside = dense[k][target.known_of(k) & (target.value[k] < HALF)][:: spec.subsample]
        count += np.bincount(outside, minlength=257)
    # Of the 8 bits of a map, the lowest value that no larger share reaches: ties are not halved.
    reached = count[::-1].cumsum()[::-1] / max(int(count.sum()), 1)
    low, high = (
        (int(np.argmax(reached <= part)) - 0.5) / 255
        for part in (min(share * spec.ignore_band, 0.9), share)
    )
    return Levels(low, high)


def _target(
    image: NDArray[Any],
    dense: NDArray[np.uint8],
    told: Target,
    levels: Sequence[Levels],
    crf: Mapping[str, float] | None,
) -> Target:
    answers: list[Answer | None] = []
    for k, level in enumerate(levels):
        if not inside(told, k).any():
            answers.append(None)
            continue
        p = dense[k].astype(np.float32) / 255
        sure = _exceeds(p, level.sure, image, crf)
        maybe = _exceeds(p, level.doubtful, image, crf)
        answers.append(Answer(sure, maybe))
    return thinned(told, answers)


def _exceeds(
    p: NDArray[np.float32], cut: float, image: NDArray[Any], crf: Mapping[str, float] | None
) -> NDArray[np.bool_]:
    """Where the map, or the map along the edges of the image, reaches ``cut``."""
    if crf is None:
        return p >= cut
    along: NDArray[np.bool_] = sharpen(colours(image), even_at(p, cut), CRF.of(crf)) >= 0.5
    return along
