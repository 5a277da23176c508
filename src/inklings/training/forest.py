"""A first teacher without weights: boosted trees on filters thin labels that are too wide.

Of an outline with slop, or of a whole positive slide, a tenth may be what was meant. A network
that starts from nothing finds no texture in such labels, or finds it on one seed and not on the
next. Trees on filters do not wait: what they find is little, and enough for a network to begin
with.

Each case is marked by trees that were not fitted to it (cross-fitting, by case). Levels are ranks
among the samples outside, as those of `inklings.training.teacher`; passes after the first learn
from what the one before kept, on the sampled rows alone. Those labels were made by trees that saw
the other parts, so a later pass knows a little by heart: on noise, one pass at .02 keeps 1 to 3 %
of the inside, as it should, and two keep 5 to 10 %. Passes that set parts of their own aside know
nothing, but their first trees see too few cases to find much (measured in experiments/panda).

Reference:
    Friedman, Annals of Statistics 2001 (boosted trees); Berg et al., Nature Methods 2019 (pixels
    classified by trees on filters).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from inklings import progress
from inklings.errors import LabelError, SpecError
from inklings.sampling.filter_bank import Features, Middle, filter_bank
from inklings.spec import Forest
from inklings.supervision.base import Target
from inklings.training.examples import Examples
from inklings.training.thinning import Answer, Levels, inside, thinned

_STRIDE = 2
"""Every other sample along a side is asked; its neighbours are told the same."""

_SIDE = 512
_AROUND = 32
"""Margin of a piece: what filters reach, and those that pool what others found."""


@dataclass(frozen=True)
class _Piece:
    """Part of an image.

    Attributes:
        image: Number of the image.
        box: Where the piece lies in it.
        seen: The same with a margin, as far as the image goes.
        own: Where the piece lies in what is seen.
    """

    image: int
    box: tuple[slice, ...]
    seen: tuple[slice, ...]
    own: tuple[slice, ...]


@dataclass(frozen=True)
class _Cases:
    """The images, and what is decided once for the case of each.

    Attributes:
        labels: Images with labels that are too wide.
        names: Case of each image.
        middles: Of each case.
        folds: Part of each case, whose trees never see it.
    """

    labels: Examples
    names: Sequence[str]
    middles: Mapping[str, Middle]
    folds: Mapping[str, int]

    def fold(self, piece: _Piece) -> int:
        return self.folds[self.names[piece.image]]

    def told(self, piece: _Piece) -> Target:
        target = self.labels.targets[piece.image]
        return Target(target.value[(slice(None), *piece.box)], target.known[piece.box])

    def features(self, piece: _Piece) -> Features:
        image = self.labels.images[piece.image][(slice(None), *piece.seen)]
        return filter_bank(image, self.middles[self.names[piece.image]])[piece.own]


@dataclass(frozen=True)
class _Rows:
    """Some samples of all images.

    Attributes:
        features: ``(n, F)``.
        inside: ``(n, K)``, of the labels as they were given.
        fold: ``(n,)``, which part's trees never see the case.
    """

    features: Features
    inside: NDArray[np.bool_]
    fold: NDArray[np.int64]


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


def thinned_by_forest(
    labels: Examples, spec: Forest, classes: Sequence[str], seed: int
) -> list[Target]:
    """Labels with less of the inside positive, and what is in doubt left out.

    Args:
        labels: Images with labels that are too wide.
        spec: Folds, samples and levels.
        classes: Names of the classes.
        seed: Of the samples that are looked at and of the trees.

    Raises:
        LabelError: If a class is in fewer cases than two.
        SpecError: If the images are volumes.
    """
    if labels.volumes:
        raise SpecError("teacher.forest: expected pictures or tiles, got volumes; leave it out")
    names = list(labels.groups or labels.ids)
    folds = _folds(labels, names, spec.folds, classes)
    cases = _Cases(labels, names, _middles(labels, names), folds)
    rows = _rows(cases, spec, seed)
    grown = [_grow(rows, k, spec, seed) for k in range(len(classes))]
    return _marked(cases, grown)


def _middles(labels: Examples, names: Sequence[str]) -> dict[str, Middle]:
    of: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        of.setdefault(name, []).append(i)
    return {name: Middle.of([labels.images[i] for i in mine]) for name, mine in of.items()}


def _insides(target: Target) -> NDArray[np.bool_]:
    return np.stack([inside(target, k) for k in range(len(target.value))])


def _folds(
    labels: Examples, names: Sequence[str], folds: int, classes: Sequence[str]
) -> dict[str, int]:
    """A part for each case, so that the cases of each class are dealt evenly."""
    shares: dict[str, NDArray[np.float64]] = {}
    for name, target in zip(names, labels.targets, strict=True):
        within = _insides(target)
        shares[name] = shares.get(name, 0) + within.reshape(len(within), -1).sum(1)
    for k, label in enumerate(classes):
        holding = sum(share[k] > 0 for share in shares.values())
        if holding < 2:
            raise LabelError(
                f"teacher.forest: expected at least 2 cases with {label} in the training part, for "
                f"each is marked by trees that did not see it, got {holding}; leave out the forest"
            )
    order = sorted(shares, key=lambda name: (tuple(shares[name] > 0), name))
    return {name: i % folds for i, name in enumerate(order)}


def _pieces(labels: Examples, which: Sequence[int]) -> list[_Piece]:
    """All of the images, in parts of bounded size, each with what lies around it."""
    pieces = []
    for i in which:
        sides = labels.images[i].shape[1:]
        for corner in np.ndindex(*(-(-side // _SIDE) for side in sides)):
            box, seen, own = [], [], []
            for at, side in zip(corner, sides, strict=True):
                start, stop = at * _SIDE, min((at + 1) * _SIDE, side)
                first = max(start - _AROUND, 0)
                box.append(slice(start, stop))
                seen.append(slice(first, min(stop + _AROUND, side)))
                own.append(slice(start - first, stop - first))
            pieces.append(_Piece(i, tuple(box), tuple(seen), tuple(own)))
    return pieces


def _looked_at(cases: _Cases, pieces: Sequence[_Piece]) -> Iterator[tuple[_Piece, Features]]:
    """Features of pieces, in order; a few ahead on other threads."""
    workers = torch.get_num_threads()
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(pieces), 2 * workers):
            some = pieces[start : start + 2 * workers]
            yield from zip(some, pool.map(cases.features, some), strict=True)


def _rows(cases: _Cases, spec: Forest, seed: int) -> _Rows:
    rng = np.random.default_rng(seed)
    pieces = _pieces(cases.labels, range(len(cases.labels)))
    each = max(1, spec.samples // len(pieces))
    features, within, fold = [], [], []
    seen = _looked_at(cases, pieces)
    for piece, found in progress.track(seen, "forest looks", total=len(pieces)):
        target = cases.told(piece)
        told = np.flatnonzero(target.known)
        some = rng.choice(told, min(each, len(told)), replace=False)
        features.append(found.reshape(-1, found.shape[-1])[some])
        within.append(_insides(target).reshape(len(target.value), -1)[:, some].T)
        fold.append(np.full(len(some), cases.fold(piece)))
    return _Rows(np.concatenate(features), np.concatenate(within), np.concatenate(fold))


def _grow(rows: _Rows, k: int, spec: Forest, seed: int) -> _Grown:
    """Trees that learn again from what they kept, once for each of the false alarms."""
    within = rows.inside[:, k]
    lesson = _Lesson(within, np.ones_like(within))
    grown = _Grown((), Levels(0.0, 0.0))
    for share in progress.track(spec.false_alarms, "forest grows"):
        if not all(_tells(rows, lesson, fold) for fold in range(spec.folds)):
            break
        trees = tuple(_learnt(rows, lesson, fold, spec, seed) for fold in range(spec.folds))
        p = np.empty(len(within))
        for fold, tree in enumerate(trees):
            mine = rows.fold == fold
            if mine.any():
                p[mine] = tree.predict_proba(rows.features[mine])[:, 1]
        parts = (1 - min(share * spec.doubt, 0.9), 1 - share)
        doubtful, sure = np.quantile(p[~within], parts) if (~within).any() else (0.0, 0.0)
        grown = _Grown(trees, Levels(float(doubtful), float(sure)))
        positive = within & (p > sure)  # of ties, none
        lesson = replace(lesson, positive=positive, known=~within | positive | (p <= doubtful))
    return grown


def _tells(rows: _Rows, lesson: _Lesson, fold: int) -> bool:
    """Whether there are positives and negatives to learn from without the cases of ``fold``."""
    told = lesson.positive[(rows.fold != fold) & lesson.known]
    return bool(told.any() and not told.all())


def _learnt(
    rows: _Rows, lesson: _Lesson, fold: int, spec: Forest, seed: int
) -> HistGradientBoostingClassifier:
    there = (rows.fold != fold) & lesson.known
    trees = HistGradientBoostingClassifier(
        max_iter=spec.trees, l2_regularization=1.0, early_stopping=False, random_state=seed
    )
    return trees.fit(rows.features[there], lesson.positive[there])


def _marked(cases: _Cases, grown: Sequence[_Grown]) -> list[Target]:
    """Targets of all images; those without an inside stay as they are."""
    marked = list(cases.labels.targets)
    which = [i for i, target in enumerate(marked) if _insides(target).any()]
    for i in which:
        marked[i] = Target(marked[i].value.copy(), marked[i].known.copy())
    pieces = _pieces(cases.labels, which)
    seen = _looked_at(cases, pieces)
    for piece, features in progress.track(seen, "forest marks", total=len(pieces)):
        made = _target(cases.told(piece), features, cases.fold(piece), grown)
        marked[piece.image].value[(slice(None), *piece.box)] = made.value
        marked[piece.image].known[piece.box] = made.known
    return marked


def _target(told: Target, features: Features, fold: int, grown: Sequence[_Grown]) -> Target:
    shape = told.known.shape
    coarse = features[(slice(None, None, _STRIDE),) * len(shape)]
    answers: list[Answer | None] = []
    for k, mine in enumerate(grown):
        if not inside(told, k).any():
            answers.append(None)
            continue
        if not mine.trees:
            answers.append(Answer(np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)))
            continue
        asked = mine.trees[fold].predict_proba(coarse.reshape(-1, coarse.shape[-1]))[:, 1]
        p = asked.reshape(coarse.shape[:-1])
        for axis, n in enumerate(shape):
            p = np.take(np.repeat(p, _STRIDE, axis), range(n), axis)
        answers.append(Answer(p > mine.levels.sure, p > mine.levels.doubtful))
    return thinned(told, answers)
