"""Boosted trees that learn from labels which other trees thinned, and know no case by heart.

With passes and parts of cases: the trees of the last pass are fitted without one part, and are for
that part. What they learn of any other part was marked by trees of the pass before, fitted without
both, and so on. So no label that leads to a mark was made by trees that saw the case it is for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from inklings.sampling.filter_bank import Features
from inklings.spec import Forest
from inklings.training.thinning import Levels


@dataclass(frozen=True)
class Rows:
    """Some samples of all images.

    Attributes:
        features: ``(n, F)``.
        inside: ``(n, K)``, of the labels as they were given.
        part: ``(n,)``, of the case, from 0.
    """

    features: Features
    inside: NDArray[np.bool_]
    part: NDArray[np.int64]


@dataclass(frozen=True)
class Trees:
    """Fitted without some parts of the cases; levels are ranks among the outsides of these."""

    classifier: HistGradientBoostingClassifier
    levels: Levels

    def scores(self, features: Features) -> NDArray[np.float64]:
        """``(n,)`` of features ``(n, F)``."""
        p: NDArray[np.float64] = self.classifier.predict_proba(features)[:, 1]
        return p


@dataclass(frozen=True)
class _Lesson:
    """Of the rows, which are positive, and which are told at all."""

    positive: NDArray[np.bool_]
    known: NDArray[np.bool_]


class Nest:
    """The trees of one class.

    Args:
        rows: What is learnt from.
        k: The class.
        spec: As many parts as ``folds``, more than there are passes, which are as many as
            ``false_alarms``.
        seed: Of the trees.
    """

    def __init__(self, rows: Rows, k: int, spec: Forest, seed: int) -> None:
        self.rows, self.spec, self.seed = rows, spec, seed
        self._within = rows.inside[:, k]
        self._grown: dict[frozenset[int], Trees | None] = {}

    def without(self, *parts: int) -> Trees | None:
        """Trees that know nothing of ``parts``: of the last pass without one, and so on.

        None where nothing is left to learn from.
        """
        key = frozenset(parts)
        if key not in self._grown:
            self._grown[key] = self._fitted(parts)
        return self._grown[key]

    def _fitted(self, parts: tuple[int, ...]) -> Trees | None:
        number = len(self.spec.false_alarms) - len(parts)
        lesson = self._thinned(parts) if number else self._as_given()
        unseen = np.isin(self.rows.part, parts)
        there, outside = ~unseen & lesson.known, unseen & ~self._within
        answers = lesson.positive[there]
        if not answers.any() or answers.all() or not outside.any():
            return None
        classifier = HistGradientBoostingClassifier(
            max_iter=self.spec.trees,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=self.seed,
        ).fit(self.rows.features[there], answers)
        share = self.spec.false_alarms[number]
        ranks = (1 - min(share * self.spec.doubt, 0.9), 1 - share)
        by_chance = classifier.predict_proba(self.rows.features[outside])[:, 1]
        doubtful, sure = np.quantile(by_chance, ranks)
        return Trees(classifier, Levels(float(doubtful), float(sure)))

    def _as_given(self) -> _Lesson:
        return _Lesson(self._within, np.ones_like(self._within))

    def _thinned(self, parts: tuple[int, ...]) -> _Lesson:
        """Each other part as marked by trees of the pass before, which saw neither."""
        positive, known = self._within.copy(), np.ones_like(self._within)
        for part in set(range(self.spec.folds)) - set(parts):
            mine = np.flatnonzero((self.rows.part == part) & self._within)
            trees = self.without(*parts, part)
            if trees is None:
                known[mine] = False
            elif mine.size:
                p = trees.scores(self.rows.features[mine])
                positive[mine] = p > trees.levels.sure  # of ties, none
                known[mine] = positive[mine] | (p <= trees.levels.doubtful)
        return _Lesson(positive, known)
