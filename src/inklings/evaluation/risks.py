"""What patients lose at each threshold: the risks that promises can be made about.

Each loss lies in [0, 1] and only grows from one threshold to the next. A patient loses the mean of
its cases, so that patients are what is exchangeable; of a set of diagnoses the worst of them.

- ``fnr``: share of the area or volume of a class that its mask leaves out (1 - recall).
- ``missed``: share of the objects of a class (connected where they were not told apart) that the
  mask does not touch, or that no finding hits by the rules of LUNA16.
- ``alarms``: findings of a scan that hit nothing, over the `MOST_MARKS` that count at most.
- ``sets``: whether the set of diagnoses lacks the true one.

Patients without the class have nothing to miss and do not count, but for false alarms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from inklings.bags.sets import set_of
from inklings.bags.task import class_of, presence
from inklings.cohorts.case import Case
from inklings.errors import DataError, SpecError
from inklings.evaluation.calibration import histogram
from inklings.evaluation.family import ScoredSource, Selection
from inklings.evaluation.froc import MOST_MARKS, Reference, match
from inklings.evaluation.marks import of_cases, read_marks
from inklings.evaluation.pairs import Pair, judgement
from inklings.evaluation.pictures import read_pair
from inklings.evaluation.slides import slide_pair
from inklings.findings.points import PointTable
from inklings.parallel import mapped
from inklings.predictions.bags import BagPrediction
from inklings.predictions.guarantee import Guarantee, cut_of
from inklings.predictions.head import Head
from inklings.predictions.shift import certainty, certainty_of_levels, diagnoses
from inklings.predictions.slides import SlidePrediction

Array = NDArray[np.float64]

OF_KINDS = {"dense": ("fnr", "missed"), "findings": ("missed", "alarms"), "bags": ("sets",)}
"""The risks of each kind of predictions."""

LEVELS: Array = np.concatenate([[0.0], (np.arange(1, 256) - 0.5) / 255])
"""Thresholds of stored probabilities, the largest mask first; the first holds everything."""

SCORES: Array = np.concatenate([[0.0], special.expit(np.linspace(-15, 15, 601))])
"""Thresholds of findings; fixed, since thresholds are not chosen by what is tested with them."""


@dataclass(frozen=True)
class Losses:
    """What patients lose, of one risk and class.

    Attributes:
        label: The class.
        patients: ``n`` that count, in an order that has nothing to do with their losses.
        thresholds: ``(L,)``, the safest first.
        loss: ``(n, L)`` in [0, 1].
        size: ``(n, L)`` of what is predicted; see `inklings.predictions.guarantee.SIZES`.
        certainty: ``(m,)`` of the first case of every patient, of those that do not count, too:
            for `inklings.predictions.shift`, which knows no labels.
    """

    label: str
    patients: tuple[str, ...]
    thresholds: Array
    loss: Array
    size: Array
    certainty: Array

    def at(self, threshold: float) -> tuple[Array, Array]:
        """Losses and sizes ``(n,)`` of what is predicted from the nearest threshold on."""
        k = int(np.abs(self.thresholds - threshold).argmin())
        return self.loss[:, k], self.size[:, k]


@dataclass(frozen=True)
class _CaseLoss:
    """Of one case and class: ``(L,)`` loss, NaN where it does not count, and size."""

    case: str
    patient: str
    loss: Array
    size: Array
    certainty: float


def losses_of(
    source: ScoredSource,
    selection: Selection,
    risk: str,
    reference: Path | Reference | None,
    labels: Sequence[str] = (),
) -> tuple[Losses, ...]:
    """What the patients of a selection lose, a class each.

    Args:
        source: Their predictions.
        selection: Cases with their true labels.
        risk: One of `OF_KINDS`.
        reference: Folder of the cohort; of findings also what is to be found.
        labels: Only of these classes; all where none is named.

    Raises:
        DataError: If a reference is too weak to say what was missed.
    """
    head = source.head
    if source.kind == "findings":
        if not isinstance(reference, Reference):
            name = head.classes[0] if len(head.classes) == 1 else None
            reference = of_cases(selection.cases, reference or source.path, name)
        return (finding_losses(read_marks(source.path), reference, risk),)
    if source.kind == "bags":
        found = tuple(_of_bags(source, selection))
    else:
        found = tuple(_of_dense(source, selection, risk))
    return tuple(one for one in found if not labels or one.label in labels)


def kept_by(
    source: ScoredSource, selection: Selection, reference: Path | Reference | None, of: Guarantee
) -> Losses:
    """What patients lose by the guaranteed prediction: ``(n, 1)``, where it is cut alone."""
    if of.risk == "sets":
        return _of_sets(source, selection, of.label)
    (all_of,) = losses_of(source, selection, of.risk, reference, (of.label,))
    cut = cut_of(source.head, of)
    loss, size = all_of.at(cut)
    return replace(all_of, thresholds=np.array([cut]), loss=loss[:, None], size=size[:, None])


def finding_losses(marks: PointTable, reference: Reference, risk: str) -> Losses:
    """What patients lose by the marks of a detector at the thresholds `SCORES`.

    Args:
        marks: With ``probability``.
        reference: What is to be found, and the patients of the scans.
        risk: ``missed``, from the lowest threshold on, or ``alarms``, from the highest.

    Raises:
        DataError: If no mark lies in a scan of the study.
    """
    matched, scans = match(marks, reference), len(reference.cases)
    patients = reference.patients or reference.cases
    best = np.nan_to_num(matched.best, nan=-1.0)
    hits, alarms = (
        _at_least(score, where, scans)
        for score, where in ((best, matched.object_scan), (matched.false, matched.false_scan))
    )
    objects = np.bincount(matched.object_scan, minlength=scans)[:, None].astype(float)
    found = hits + alarms
    with np.errstate(invalid="ignore"):
        loss = 1 - hits / objects if risk == "missed" else alarms / MOST_MARKS
    thresholds = SCORES
    if risk == "alarms":
        thresholds, loss, found = SCORES[::-1], loss[:, ::-1], found[:, ::-1]
    named = PointTable(reference.named(marks.cases), marks.points, marks.values)
    rows = named.by_case()
    sure = [
        certainty(marks.values["probability"][rows[case]]) if case in rows else 0.0
        for case in reference.cases
    ]
    cases = [
        _CaseLoss(case, patients[k], loss[k], found[k], sure[k])
        for k, case in enumerate(reference.cases)
    ]
    return by_patient(reference.name, thresholds, cases)


def _at_least(score: Array, where: NDArray[np.int_], scans: int) -> Array:
    """``(scans, L)``: how many scores of each scan reach each of `SCORES`."""
    reached = np.searchsorted(SCORES, score, side="right")  # thresholds that it reaches
    table = np.zeros((scans, len(SCORES) + 1))
    np.add.at(table, (where, reached), 1)
    counted: Array = table[:, ::-1].cumsum(1)[:, ::-1][:, 1:]
    return counted


def by_patient(
    label: str,
    thresholds: Array,
    cases: Sequence[_CaseLoss],
    worst: Callable[[Array], Array] | None = None,
) -> Losses:
    """Cases to patients: the mean of those that count, or what ``worst`` makes of ``(m, L)``."""
    own: dict[str, list[_CaseLoss]] = {}
    sure: dict[str, float] = {}
    for one in sorted(cases, key=lambda one: one.case):
        sure.setdefault(one.patient, one.certainty)
        if not np.isnan(one.loss).any():
            own.setdefault(one.patient, []).append(one)
    patients = sorted(own, key=lambda name: hashlib.sha256(name.encode()).digest())
    shape = (len(patients), len(thresholds))
    join = worst or (lambda table: np.asarray(table.mean(0)))
    loss = [join(np.stack([one.loss for one in own[name]])) for name in patients]
    size = [np.stack([one.size for one in own[name]]).mean(0) for name in patients]
    return Losses(
        label,
        tuple(patients),
        thresholds,
        np.reshape(loss, shape).astype(float),
        np.reshape(size, shape).astype(float),
        np.array(sorted(sure.values()), float),
    )


def _of_dense(source: ScoredSource, selection: Selection, risk: str) -> Iterator[Losses]:
    task = _Dense(source.path.resolve(), source.head, selection.classes, risk)
    there = source.there
    items = [(case, case.id in there.slides) for case in selection.cases]
    found = list(mapped(task, items, what="risk"))
    for k, label in enumerate(source.head.classes):
        yield by_patient(label, LEVELS, [one[k] for one in found])


@dataclass(frozen=True)
class _Dense:
    """Measures one case of dense predictions, a `_CaseLoss` a class."""

    folder: Path
    head: Head
    classes: tuple[str, ...]
    risk: str

    def __call__(self, item: tuple[Case, bool]) -> tuple[_CaseLoss, ...]:
        """Measure a case, of which is told whether it is a slide."""
        case, is_slide = item
        if is_slide and self.risk != "fnr":
            raise SpecError(f"--risk {self.risk}: expected pictures or volumes, got a slide; fnr")
        whole: int | None = None
        if is_slide:
            pair = slide_pair(self.folder, self.head, case)
            whole = max(1, SlidePrediction.read(self.folder, case.id).tissue_samples)
        else:
            pair = read_pair(self.folder, self.head, case, self.classes)
        said = judgement(pair)
        if said.sparse or not said.total:
            raise DataError(
                f"case {case.id}: expected a whole reference, got a part of one (strokes, points, "
                "boxes, positives, or the label of a slide), which does not say what is missed; "
                "calibrate on cases that were outlined"
            )
        return tuple(self._of_class(pair, k, whole) for k in range(len(self.head.classes)))

    def _of_class(self, pair: Pair, channel: int, whole: int | None) -> _CaseLoss:
        samples, positives = np.split(histogram(pair, channel=channel), 2)
        lost = np.concatenate([[0.0], positives.cumsum()[:-1]])
        annotated = pair.annotated is None or pair.annotated[channel]
        if not annotated or not positives.sum():
            loss = np.full(len(LEVELS), np.nan)
        elif self.risk == "fnr":
            loss = lost / positives.sum()
        else:
            loss = _untouched(pair, channel)
        size = np.minimum(samples[::-1].cumsum()[::-1] / (whole or samples.sum()), 1.0)
        return _CaseLoss(pair.case, pair.patient, loss, size, certainty_of_levels(samples))


def _untouched(pair: Pair, channel: int) -> Array:
    """``(256,)``: share of the objects of a class that the mask from each level on leaves alone."""
    objects: NDArray[Any] | None = pair.reference.instances if channel == 0 else None
    if objects is None:
        objects = ndimage.label(pair.reference.mask[channel])[0]
    assert pair.predicted.probability is not None
    names = np.unique(objects[objects > 0])
    best = ndimage.maximum(pair.predicted.probability[channel], objects, names).astype(int)
    below = np.bincount(best, minlength=256).cumsum() / len(names)
    return np.concatenate([[0.0], below[:-1]])


def _of_bags(source: ScoredSource, selection: Selection) -> Iterator[Losses]:
    """The probability that each bag gives to its true answer, and what each threshold loses."""
    head = source.head
    bags = [BagPrediction.read(source.path, case.id) for case in selection.cases]
    said = [diagnoses(bag, head) for bag in bags]
    true = [_answers(case, head) for case in selection.cases]
    for label in dict.fromkeys(name for one in said for name in one):
        score = np.array([one[label] for one in said])
        counts = np.array([label in names for names in true])
        thresholds = np.unique(score[counts]) if counts.any() else np.zeros(1)
        lost = np.where(counts[:, None], ~(score[:, None] >= thresholds), np.nan)
        share = (score[:, None] >= thresholds).mean(0)
        cases = [
            _CaseLoss(case.id, case.patient, lost[k], share, certainty(list(said[k].values())))
            for k, case in enumerate(selection.cases)
        ]
        yield by_patient(label, thresholds, cases, _worst)


def _answers(case: Case, head: Head) -> set[str]:
    """What is true of a bag: its class, or yes or no to each question that is answered."""
    if head.settings["task"] in ("binary", "multilabel"):
        pairs = zip(head.classes, presence(case, head.classes), strict=True)
        return {name if there else f"no {name}" for name, there in pairs if there == there}
    return {head.classes[class_of(case, head.classes)]}


def _of_sets(source: ScoredSource, selection: Selection, label: str) -> Losses:
    cases = []
    for case in selection.cases:
        bag = BagPrediction.read(source.path, case.id)
        names, counts = set_of(bag, source.head), label in _answers(case, source.head)
        loss = np.array([float(label not in names) if counts else np.nan])
        sure = certainty(list(diagnoses(bag, source.head).values()))
        size = np.array([float(len(names))])
        cases.append(_CaseLoss(case.id, case.patient, loss, size, sure))
    return by_patient(label, np.zeros(1), cases, _worst)


def _worst(table: Array) -> Array:
    found: Array = table.max(0)
    return found
