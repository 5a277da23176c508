"""A first teacher without weights: boosted trees on filters thin labels that are too wide.

Of a generous outline, or of a whole positive slide, a tenth may be what was meant. A network
that starts from nothing finds no texture in such labels, or finds it on one seed and not on the
next. Trees on filters do not wait: what they find is little, and enough for a network to learn
from.

They are told ranks within a case, not levels, and each split chooses among a few features only:
otherwise trees know cases by their stain, which is all that labels of whole cases ask for.

Each case is marked by trees that were not fitted to it (cross-fitting, by case). Levels are ranks
among the samples outside, as those of `inklings.weak.teacher`; passes after the first learn
from what the one before kept, on the sampled rows alone. Those labels were made by trees that saw
the other parts, so a later pass knows a little by heart: on noise, one pass at .02 keeps 1 to 3 %
of the inside, as it should, two of outlines 4 %, and four of labels of slides 5 %. Passes that set
parts of their own aside know nothing, but their first trees see too few cases to find much
(measured in experiments/panda).

Reference:
    Friedman, Annals of Statistics 2001 (boosted trees); Berg et al., Nature Methods 2019 (pixels
    classified by trees on filters).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from skimage.measure import block_reduce

from inklings import progress
from inklings.data.array_cache import ArrayCache, case_names, fingerprint
from inklings.data.examples import Examples
from inklings.data.filter_bank import Features, Ranks
from inklings.data.pieces import Piece
from inklings.errors import LabelError, SpecError
from inklings.spec import PixelClassifier
from inklings.supervision.base import Target
from inklings.weak.filter_responses import Cases, ResponseRows, rows_and_ranks
from inklings.weak.pseudo_label_selection import (
    Answer,
    Levels,
    inside,
    insides,
    thinned,
    thinned_cases,
)

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

_STRIDE = 2
"""Every other sample along a side is asked; its neighbours are told the same."""

_COARSE = (slice(None, None, _STRIDE),) * 2

_LEAVES = 63
_LEAST = 200
"""A leaf holds this part of the rows at least: labels that are mostly wrong are averaged."""

_CHOICE = 0.2
"""Share of the features among which a split chooses."""


@dataclass(frozen=True)
class _Lesson:
    """Of the rows, which are positive and which are told at all."""

    positive: NDArray[np.bool_]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class _Grown:
    """The trees of each fold, none where there was nothing to learn from, and their levels."""

    trees: tuple[HistGradientBoostingClassifier, ...]
    levels: Levels


class ThinningForest:
    """Trees that tell the part of the inside that looks unlike the outside.

    They grow when they are asked for the first time; of cases that were marked before an
    interruption the marks are read, and where all were, no tree grows.

    Args:
        labels: Images with labels that are too wide.
        spec: Folds, samples and levels.
        classes: Names of the classes.
        seed: Of the samples that are looked at and of the trees.
        shelf: Where the marks of each case are kept.

    Raises:
        LabelError: If a class is in fewer cases than two, or, when they grow, there is nothing
            but glass.
        SpecError: If the images are volumes.
    """

    def __init__(
        self,
        labels: Examples,
        spec: PixelClassifier,
        classes: Sequence[str],
        seed: int,
        shelf: ArrayCache | None = None,
    ) -> None:
        if labels.volumes:
            raise SpecError(
                "teacher.pixel_classifier: expected pictures or tiles, got volumes; leave it out"
            )
        if any(len(target.known) > 1 for target in labels.targets):
            raise SpecError(
                "teacher.pixel_classifier: expected cases that annotate every class, got some that "
                "annotate a part of them; leave it out"
            )
        folds = _folds(labels, case_names(labels), spec.folds, classes)
        self.cases = Cases.of(labels, folds, spec.filter_scale)
        self._spec, self._classes, self._seed = spec, len(classes), seed
        self._shelf = (shelf or ArrayCache()).part(spec, seed, fingerprint(labels))

    @functools.cached_property
    def _grown(self) -> tuple[dict[str, Ranks], list[_Grown]]:
        """Ranks of each case that is not all glass, and the trees of each class."""
        rows, ranks = rows_and_ranks(self.cases, self._spec.pixels, self._seed)
        if rows is None:
            raise LabelError(
                "teacher.pixel_classifier: expected tissue in the training part, got only glass"
            )
        return ranks, [_grow(rows, k, self._spec, self._seed) for k in range(self._classes)]

    @property
    def levels(self) -> list[Levels]:
        """Of each class."""
        kept = self._shelf.keep("levels", lambda: np.array([g.levels for g in self._grown[1]]))
        return [Levels(float(low), float(high)) for low, high in kept]

    def targets(self) -> list[Target]:
        """Labels of the images it was fitted to, each by trees that did not see its case."""

        def mark(mine: Sequence[int]) -> list[Target]:
            ranks, grown = self._grown
            return _mark(self.cases, mine, ranks, grown)

        return thinned_cases(self.cases.labels, self._shelf, mark, "forest marks")

    def targets_of(self, others: Examples) -> list[Target]:
        """Labels of other cases: each has trees of its own, as those above."""
        order = sorted(set(case_names(others)))
        folds = {name: i % self._spec.folds for i, name in enumerate(order)}
        cases = Cases.of(others, folds, self._spec.filter_scale)

        @functools.cache
        def ranks() -> dict[str, Ranks]:
            return rows_and_ranks(cases, self._spec.pixels, self._seed)[1]

        def mark(mine: Sequence[int]) -> list[Target]:
            return _mark(cases, mine, ranks(), self._grown[1])

        shelf = self._shelf.part(fingerprint(others))
        return thinned_cases(others, shelf, mark, "forest marks")


def _folds(
    labels: Examples, names: Sequence[str], folds: int, classes: Sequence[str]
) -> dict[str, int]:
    """A part for each case, so that the cases of each class are dealt evenly."""
    shares: dict[str, NDArray[np.float64]] = {}
    for name, target in zip(names, labels.targets, strict=True):
        within = insides(target)
        shares[name] = shares.get(name, 0) + within.reshape(len(within), -1).sum(1)
    for k, label in enumerate(classes):
        holding = sum(share[k] > 0 for share in shares.values())
        if holding < 2:
            raise LabelError(
                f"teacher.pixel_classifier: expected at least 2 cases with {label} in the training "
                f"part: each is marked by trees that did not see it, got {holding}; leave it out"
            )
    order = sorted(shares, key=lambda name: (tuple(shares[name] > 0), name))
    return {name: i % folds for i, name in enumerate(order)}


def _grow(rows: ResponseRows, k: int, spec: PixelClassifier, seed: int) -> _Grown:
    """Trees that learn again from what they kept, once for each of the false alarms."""
    within = rows.inside[:, k]
    lesson = _Lesson(within, np.ones_like(within))
    grown = _Grown((), Levels(0.0, 0.0))
    for share in progress.track(spec.false_positive_rate, "forest grows"):
        if not all(_tells(rows, lesson, fold) for fold in range(spec.folds)):
            break
        trees = tuple(_learnt(rows, lesson, fold, spec, seed) for fold in range(spec.folds))
        p = np.empty(len(within))
        for fold, tree in enumerate(trees):
            mine = rows.fold == fold
            if mine.any():
                p[mine] = tree.predict_proba(rows.features[mine])[:, 1]
        parts = (1 - min(share * spec.ignore_band, 0.9), 1 - share)
        doubtful, sure = np.quantile(p[~within], parts) if (~within).any() else (0.0, 0.0)
        grown = _Grown(trees, Levels(float(doubtful), float(sure)))
        positive = within & (p > sure)  # of ties, none
        lesson = replace(lesson, positive=positive, known=~within | positive | (p <= doubtful))
    return grown


def _tells(rows: ResponseRows, lesson: _Lesson, fold: int) -> bool:
    """Whether there are positives and negatives to learn from without the cases of ``fold``."""
    told = lesson.positive[(rows.fold != fold) & lesson.known]
    return bool(told.any() and not told.all())


def _learnt(
    rows: ResponseRows, lesson: _Lesson, fold: int, spec: PixelClassifier, seed: int
) -> HistGradientBoostingClassifier:
    from sklearn.ensemble import HistGradientBoostingClassifier

    there = (rows.fold != fold) & lesson.known
    trees = HistGradientBoostingClassifier(
        max_iter=spec.trees,
        max_leaf_nodes=_LEAVES,
        min_samples_leaf=max(20, int(there.sum()) // _LEAST),
        max_features=_CHOICE,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    return trees.fit(rows.features[there], lesson.positive[there])


def _mark(
    cases: Cases, images: Sequence[int], ranks: Mapping[str, Ranks], grown: Sequence[_Grown]
) -> list[Target]:
    """What is kept of the labels of images of one case."""
    told = {i: cases.labels.targets[i] for i in images}
    made = {i: Target(np.zeros_like(t.value), t.known.copy()) for i, t in told.items()}
    own = ranks.get(cases.names[images[0]])
    parts = cases.pieces(images) if own is not None else []  # else it is glass
    for piece, features in cases.looked_at(parts):
        assert own is not None
        answers = _answers(cases, piece, features[_COARSE], own, grown)
        part = thinned(cases.told(piece), answers)
        made[piece.image].value[(slice(None), *piece.box)] = part.value
        made[piece.image].known[(slice(None), *piece.box)] = part.known
    return list(made.values())


def _answers(
    cases: Cases, piece: Piece, coarse: Features, ranks: Ranks, grown: Sequence[_Grown]
) -> list[Answer | None]:
    """Of each class, where trees that did not see the case say yes and may say yes."""
    told, seen, fold = cases.told(piece), cases.seen(piece), cases.fold(piece)
    answers: list[Answer | None] = []
    for k, mine in enumerate(grown):
        within = inside(told, k)
        if not within.any():
            answers.append(None)
            continue
        asked = block_reduce(within & seen, _STRIDE, np.any)  # type: ignore[no-untyped-call]
        p = np.zeros(asked.shape)
        if mine.trees and asked.any():
            p[asked] = mine.trees[fold].predict_proba(ranks(coarse[asked]))[:, 1]
        for axis, n in enumerate(seen.shape):
            p = np.take(np.repeat(p, _STRIDE, axis), range(n), axis)
        answers.append(Answer(seen & (p > mine.levels.sure), seen & (p > mine.levels.doubtful)))
    return answers
