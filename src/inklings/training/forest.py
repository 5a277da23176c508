"""A first teacher without weights: boosted trees on filters thin labels that are too wide.

Of an outline with slop, or of a whole positive slide, a tenth may be what was meant. A network
that starts from nothing finds no texture in such labels, or finds it on one seed and not on the
next. Trees on filters do not wait: what they find is little, and enough for a network to begin
with.

They are told ranks within a case, not levels, and each split chooses among a few features only:
otherwise trees know cases by their stain, which is all that labels of whole cases ask for.

Each case is marked by trees that were not fitted to it (cross-fitting, by case). Levels are ranks
among the samples outside, as those of `inklings.training.teacher`; passes after the first learn
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

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from inklings import progress
from inklings.errors import LabelError, SpecError
from inklings.sampling.filter_bank import Features, Middle, Ranks, filter_bank, is_seen
from inklings.sampling.pieces import Piece, pieces
from inklings.spec import Forest
from inklings.supervision.base import Target
from inklings.training.examples import Examples
from inklings.training.thinning import Answer, Levels, inside, thinned

_STRIDE = 2
"""Every other sample along a side is asked; its neighbours are told the same."""

_COARSE = (slice(None, None, _STRIDE),) * 2

_SIDE = 512
_MARGIN, _LEAST_MARGIN = 4, 32
"""What is looked at around a piece: times the reach of the filters, and samples."""

_LEAVES = 63
_LEAST = 200
"""A leaf holds this part of the rows at least: labels that are mostly wrong are averaged."""

_CHOICE = 0.2
"""Share of the features among which a split chooses."""


@dataclass(frozen=True)
class _Cases:
    """The images, and what is decided once for the case of each.

    Attributes:
        labels: Images with labels that are too wide.
        names: Case of each image.
        middles: Of each case.
        folds: Part of each case, whose trees never see it.
        reach: Of the filters, in samples.
    """

    labels: Examples
    names: Sequence[str]
    middles: Mapping[str, Middle]
    folds: Mapping[str, int]
    reach: float

    def pieces(self, which: Iterable[int]) -> list[Piece]:
        """Of some images, with what their features depend on around them."""
        margin = max(_LEAST_MARGIN, math.ceil(_MARGIN * self.reach))
        shapes = ((i, self.labels.images[i].shape[1:]) for i in which)
        return [piece for i, shape in shapes for piece in pieces(i, shape, _SIDE, margin)]

    def fold(self, piece: Piece) -> int:
        return self.folds[self.names[piece.image]]

    def told(self, piece: Piece) -> Target:
        target = self.labels.targets[piece.image]
        return Target(target.value[(slice(None), *piece.box)], target.known[piece.box])

    def seen(self, piece: Piece) -> NDArray[np.bool_]:
        return is_seen(self.labels.images[piece.image][(slice(None), *piece.box)])

    def features(self, piece: Piece) -> Features:
        image = self.labels.images[piece.image][(slice(None), *piece.seen)]
        middle = self.middles[self.names[piece.image]]
        return filter_bank(image, middle, self.reach)[piece.own]


@dataclass(frozen=True)
class _Rows:
    """Some samples of all images.

    Attributes:
        features: ``(n, F)``, ranks within the case.
        inside: ``(n, K)``, of the labels as they were given.
        fold: ``(n,)``, which part's trees never see the case.
    """

    features: NDArray[np.uint8]
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
        LabelError: If a class is in fewer cases than two, or there is nothing but glass.
        SpecError: If the images are volumes.
    """
    if labels.volumes:
        raise SpecError("teacher.forest: expected pictures or tiles, got volumes; leave it out")
    names = list(labels.groups or labels.ids)
    folds = _folds(labels, names, spec.folds, classes)
    cases = _Cases(labels, names, _middles(labels, names), folds, spec.reach)
    rows, ranks = _rows(cases, spec, seed)
    grown = [_grow(rows, k, spec, seed) for k in range(len(classes))]
    return _marked(cases, ranks, grown)


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


def _looked_at(cases: _Cases, parts: Sequence[Piece]) -> Iterator[tuple[Piece, Features]]:
    """Features of pieces, in order; a few ahead on other threads."""
    workers = torch.get_num_threads()
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(parts), 2 * workers):
            some = parts[start : start + 2 * workers]
            yield from zip(some, pool.map(cases.features, some), strict=True)


def _rows(cases: _Cases, spec: Forest, seed: int) -> tuple[_Rows, dict[str, Ranks]]:
    """Some samples of all pieces, and the ranks of each case, of what is not glass."""
    rng = np.random.default_rng(seed)
    parts = cases.pieces(range(len(cases.labels)))
    each = max(1, spec.samples // len(parts))
    of: dict[str, list[tuple[NDArray[Any], ...]]] = {}
    looked_at = _looked_at(cases, parts)
    for piece, found in progress.track(looked_at, "forest looks", total=len(parts)):
        target = cases.told(piece)
        told = np.flatnonzero(target.known & cases.seen(piece))
        some = rng.choice(told, min(each, len(told)), replace=False)
        within = _insides(target).reshape(len(target.value), -1)[:, some].T
        of.setdefault(cases.names[piece.image], []).append(
            (found.reshape(-1, found.shape[-1])[some], within)
        )
    rows, ranks = [], {}
    for name, own in of.items():
        mine, within = (np.concatenate(part) for part in zip(*own, strict=True))
        if len(mine):
            ranks[name] = Ranks.of(mine)
            rows.append((ranks[name](mine), within, np.full(len(mine), cases.folds[name])))
    if not rows:
        raise LabelError(
            "teacher.forest: expected tissue in the training part, got nothing but glass"
        )
    return _Rows(*(np.concatenate(part) for part in zip(*rows, strict=True))), ranks


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
        max_iter=spec.trees,
        max_leaf_nodes=_LEAVES,
        min_samples_leaf=max(20, int(there.sum()) // _LEAST),
        max_features=_CHOICE,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    return trees.fit(rows.features[there], lesson.positive[there])


def _marked(cases: _Cases, ranks: Mapping[str, Ranks], grown: Sequence[_Grown]) -> list[Target]:
    """Targets of all images; those without an inside stay as they are."""
    marked = list(cases.labels.targets)
    which = [i for i, target in enumerate(marked) if _insides(target).any()]
    for i in which:
        marked[i] = Target(np.zeros_like(marked[i].value), marked[i].known.copy())
    parts = cases.pieces(i for i in which if cases.names[i] in ranks)  # the rest is glass
    seen = _looked_at(cases, parts)
    for piece, features in progress.track(seen, "forest marks", total=len(parts)):
        mine = ranks[cases.names[piece.image]]
        answers = _answers(cases, piece, mine(features[_COARSE]), grown)
        made = thinned(cases.told(piece), answers)
        marked[piece.image].value[(slice(None), *piece.box)] = made.value
        marked[piece.image].known[piece.box] = made.known
    return marked


def _answers(
    cases: _Cases, piece: Piece, coarse: NDArray[np.uint8], grown: Sequence[_Grown]
) -> list[Answer | None]:
    """Of each class, where trees that did not see the case say yes and may say yes."""
    told, seen, fold = cases.told(piece), cases.seen(piece), cases.fold(piece)
    answers: list[Answer | None] = []
    for k, mine in enumerate(grown):
        if not inside(told, k).any():
            answers.append(None)
            continue
        if not mine.trees:
            answers.append(Answer(np.zeros_like(seen), np.zeros_like(seen)))
            continue
        asked = mine.trees[fold].predict_proba(coarse.reshape(-1, coarse.shape[-1]))[:, 1]
        p = asked.reshape(coarse.shape[:-1])
        for axis, n in enumerate(seen.shape):
            p = np.take(np.repeat(p, _STRIDE, axis), range(n), axis)
        answers.append(Answer(seen & (p > mine.levels.sure), seen & (p > mine.levels.doubtful)))
    return answers
