"""Is a model of malignancy worth using? Beside the diameter, with a paired test.

Large nodules are more often malignant, so the diameter alone ranks them well (AUC .92 on LUNA16).
A model earns its place only if it ranks the same nodules better, and the interval of the paired
difference excludes 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from inklings.datasets.luna_tables import Rated, read_malignancy
from inklings.errors import DataError, SpecError
from inklings.evaluation.family import Family, Job, Selection
from inklings.evaluation.intervals import Bootstrap, difference
from inklings.evaluation.ranking import ROC, auc, roc
from inklings.evaluation.results import Results
from inklings.evaluation.scores import Row

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
_FEW = 30
"""Nodules of either kind below which nothing is claimed."""


@dataclass(frozen=True)
class Area:
    """Area under a ROC curve, with its interval over patients."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """A model of malignancy beside the diameter, on the same nodules.

    Attributes:
        nodules: How many.
        malignant: How many of them.
        model: Its area.
        diameter: That of the diameter.
        difference: Model minus diameter, with its paired interval over patients.
        p: Two-sided, of the same paired test.
    """

    nodules: int
    malignant: int
    model: Area
    diameter: Area
    difference: Area
    p: float

    @property
    def is_better(self) -> bool:
        """Whether the interval of the difference lies above 0, on enough nodules."""
        enough = min(self.malignant, self.nodules - self.malignant) >= _FEW
        return enough and self.difference.low > 0

    @property
    def sentence(self) -> str:
        """Whether the model is worth using, for people."""
        d = self.difference
        p = "undefined" if math.isnan(self.p) else f"{self.p:.3g}"
        shown = (
            f"AUC {self.model.value:.3f} against {self.diameter.value:.3f} for the diameter alone "
            f"on {self.nodules} nodules ({self.malignant} malignant): difference {d.value:+.3f} "
            f"({d.low:+.3f} to {d.high:+.3f}, p = {p})"
        )
        if self.is_better:
            return f"The model is worth using: it ranks better than the diameter. {shown}."
        if d.high < 0:
            return f"The model is not worth using: the diameter alone ranks better. {shown}."
        few = min(self.malignant, self.nodules - self.malignant) < _FEW
        why = f"fewer than {_FEW} of one kind" if few else "the interval includes 0"
        return f"No reason to prefer the model to the diameter: {why}. {shown}."


def compare(
    model: Array,
    diameter_mm: Array,
    malignant: Bools,
    patients: Sequence[str] | None = None,
    bootstrap: Bootstrap | None = None,
) -> Verdict:
    """Rank the same nodules by a model and by their diameter.

    Args:
        model: ``(N)``, higher is more suspicious.
        diameter_mm: ``(N)``.
        malignant: ``(N)``.
        patients: ``(N)`` of each nodule; each nodule by itself if not given.
        bootstrap: Over patients.

    Raises:
        DataError: If one of the kinds is missing, or a number is.
    """
    bootstrap = bootstrap or Bootstrap()
    _require(np.stack([model, diameter_mm]), malignant)
    names = [str(k) for k in range(len(model))] if patients is None else list(patients)
    _, unit = np.unique(names, return_inverse=True)
    weights = bootstrap.weights(int(unit.max()) + 1)[:, unit]
    scores = (model, diameter_mm)
    values = [float(auc(score, malignant)[0]) for score in scores]
    drawn = [auc(score, malignant, weights) for score in scores]
    count = int(unit.max()) + 1
    ranks = [rankdata(score) for score in scores]
    differing = len(set(unit[ranks[0] != ranks[1]].tolist()))
    if min(malignant.sum(), (~malignant).sum()) < 2:
        drawn[0] = np.full_like(drawn[0], np.nan)
    gap = difference(values[0], values[1], drawn[0] - drawn[1], count, differing)
    mine, its = (
        Area(value, *_interval(bootstrap, value, column, malignant, unit))
        for value, column in zip(values, drawn, strict=True)
    )
    between = Area(gap.value, gap.low, gap.high)
    return Verdict(len(model), int(malignant.sum()), mine, its, between, gap.p)


def _interval(
    bootstrap: Bootstrap, value: float, drawn: Array, malignant: Bools, unit: NDArray[np.intp]
) -> tuple[float, float]:
    """Of an area, over patients with nodules of either kind."""
    kinds = (len(np.unique(unit[malignant])), len(np.unique(unit[~malignant])))
    return bootstrap.interval(value, drawn, np.full(int(unit.max()) + 1, np.nan), kinds=kinds)


@dataclass(frozen=True)
class Baseline:
    """The diameter alone, on a table of rated nodules.

    Attributes:
        nodules: Rows.
        malignant: Malignant ones.
        area: Exact, ties counting one half.
        reference: As the reference computes it: trapezoids between 100 thresholds.
        against_rule: Rows whose label is not that of "at least two readers say 4 or more".
    """

    nodules: int
    malignant: int
    area: Area
    reference: float
    against_rule: int


def diameter_baseline(rated: Sequence[Rated], bootstrap: Bootstrap | None = None) -> Baseline:
    """How well the diameter alone tells malignant nodules from benign ones; intervals over scans.

    Raises:
        DataError: If one of the kinds is missing.
    """
    bootstrap = bootstrap or Bootstrap()
    size = np.array([one.diameter_mm for one in rated])
    malignant = np.array([one.malignant for one in rated], bool)
    _require(size[None], malignant)
    _, unit = np.unique([one.series for one in rated], return_inverse=True)
    weights = bootstrap.weights(int(unit.max()) + 1)[:, unit]
    value = float(auc(size, malignant)[0])
    interval = _interval(bootstrap, value, auc(size, malignant, weights), malignant, unit)
    wrong = sum(one.malignant != one.by_rule for one in rated)
    area = Area(value, *interval)
    return Baseline(len(rated), int(malignant.sum()), area, by_thresholds(size, malignant), wrong)


@dataclass(frozen=True)
class RatingScoring:
    """A table of rated nodules, of which the diameter is scored: nothing was trained on anybody."""

    rated: Sequence[Rated]
    selection: Selection
    bootstrap: Bootstrap

    def measure(self) -> Results:
        """Areas under the ROC curve, exact and as the reference computes it."""
        found = diameter_baseline(self.rated, self.bootstrap)
        scans, area, n = len({one.series for one in self.rated}), found.area, found.nodules
        exact = Row(
            "auc", area.value, area.low, area.high, n, scans, "", "malignant",
            "AUC of the diameter alone",
        )  # fmt: skip
        coarse = Row(
            "auc_100_thresholds", found.reference, np.nan, np.nan, n, scans, "", "malignant",
            "by the reference's 100 thresholds",
        )  # fmt: skip
        told = (
            f"{n} nodules, {found.malignant} malignant; the label is not that of the rule (two "
            f"readers say 4 or more) in {found.against_rule} rows"
        )
        counts = {"nodules": n, "malignant": found.malignant, "against_rule": found.against_rule}
        facts = {**self.selection.facts, "cases": scans, "patients": scans, "counts": counts}
        size = np.array([one.diameter_mm for one in self.rated])
        curve = roc({"diameter": size}, np.array([one.malignant for one in self.rated], bool))
        told_of = {**facts, "summary": [told]}
        return Results((exact, coarse), (), told_of, files={ROC: curve})


def _prepare(job: Job) -> RatingScoring:
    if job.reference is not None:
        raise SpecError(f"{job.mine.path} already has the reference; leave --cohort out")
    if job.settings.metrics:
        raise SpecError("--metric does not apply to ratings, which have one; leave it out")
    selection = Selection(frozenset(), facts={"cohort": job.mine.path.name, "split": "all"})
    return RatingScoring(read_malignancy(job.mine.path), selection, job.settings.bootstrap)


FAMILY = Family("ratings", frozenset(), _prepare)


def by_thresholds(score: Array, positive: Bools, count: int = 100) -> float:
    """Area by trapezoids between ``count`` evenly spaced thresholds, the highest first.

    What the reference prints: it joins points that lie far apart, so it is a little lower than
    the exact area.
    """
    thresholds = np.linspace(score.max(), score.min(), count)
    up, down = np.sort(score[positive]), np.sort(score[~positive])
    sensitivity = 1 - np.searchsorted(up, thresholds) / len(up)
    alarms = 1 - np.searchsorted(down, thresholds) / len(down)
    return float(((alarms[1:] - alarms[:-1]) * (sensitivity[1:] + sensitivity[:-1])).sum() / 2)


def _require(scores: Array, malignant: Bools) -> None:
    if not malignant.any() or malignant.all():
        raise DataError(
            f"expected benign and malignant nodules, got {int(malignant.sum())} malignant ones "
            f"of {len(malignant)}; rate more nodules"
        )
    if not np.isfinite(scores).all():
        raise DataError("expected a number for every nodule, got none for some; predict them all")
