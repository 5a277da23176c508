"""FROC and CPM of objects of any kind, by the rules of LUNA16.

A mark hits an object if it lies closer to its centre than its radius. The best mark of an object
counts, more marks on it are ignored, and so are marks on what is to be ignored. What nobody
measured has a diameter of 10 mm. All other marks are false positives. At most the 100 best marks
of a scan count. Sensitivity over false positives a scan is joined by straight lines from (0, 0) on;
CPM is its mean at 1/8, 1/4, 1/2, 1, 2, 4 and 8 (Setio et al. 2017, Medical Image Analysis 42;
Niemeijer et al. 2011, IEEE TMI 30). Intervals resample scans, or patients where they are known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.errors import DataError
from inklings.findings.points import PointTable, plain_id, within

RATES = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)
MOST_MARKS = 100
UNMEASURED_MM = 10.0
"""Diameter of what nobody measured."""
_ROWS = 50
Array = NDArray[np.float64]
Ints = NDArray[np.int_]


@dataclass(frozen=True)
class Reference:
    """What is to be found.

    Attributes:
        cases: Ids of all scans, also of those without an object.
        objects: With ``diameter_mm``, below 0 where nobody measured.
        ignored: What counts neither for nor against anybody.
        patients: Of every scan; the scans themselves where nobody knows.
        name: Of the class.
    """

    cases: tuple[str, ...]
    objects: PointTable
    ignored: PointTable
    patients: tuple[str, ...] = ()
    name: str = "object"

    @property
    def units(self) -> Ints:
        """``(cases)`` number of the patient, which is what a bootstrap draws."""
        return np.unique(self.patients or self.cases, return_inverse=True)[1].astype(int)

    @property
    def unmeasured(self) -> int:
        """How many objects have no diameter."""
        return int((self.objects.values["diameter_mm"] < 0).sum())

    def named(self, ids: NDArray[np.object_]) -> NDArray[np.object_]:
        """Ids ``(N)`` as the scans have them, where a spreadsheet has cut their leading zeros."""
        plain = [plain_id(case) for case in self.cases]
        count, known = Counter(plain), set(self.cases)
        cut = {p: case for p, case in zip(plain, self.cases, strict=True) if count[p] == 1}
        names = {i: i if i in known else cut.get(plain_id(i), i) for i in set(ids.tolist())}
        return np.array([names[i] for i in ids.tolist()], object)


@dataclass(frozen=True)
class Matched:
    """Marks and objects of a study, matched once for all thresholds.

    Attributes:
        best: ``(N)``: highest probability among the marks on each object, NaN where it was missed.
        object_scan: ``(N)`` index of the scan of each.
        false: ``(M)`` probabilities of the false positives.
        false_scan: ``(M)`` index of the scan of each.
        units: ``(scans)`` what a bootstrap draws.
        marks: How many marks were read.
        doubled: Marks ignored because the object has a better one.
        irrelevant: Marks ignored because they lie on what is to be ignored.
        beyond: Marks ignored because the scan has more than 100 better ones.
        elsewhere: Marks in scans that are not part of the study.
    """

    best: Array
    object_scan: Ints
    false: Array
    false_scan: Ints
    units: Ints
    marks: int
    doubled: int
    irrelevant: int
    beyond: int
    elsewhere: int

    @property
    def hits(self) -> int:
        """Objects with a mark."""
        return int(np.isfinite(self.best).sum())


@dataclass(frozen=True)
class Curve:
    """Sensitivity ``(n)`` over false positives a scan ``(n)``, from (0, 0) on."""

    false_positives: Array
    sensitivity: Array
    thresholds: Array

    def at(self, rates: Sequence[float]) -> Array:
        """Sensitivity at some rates, between the points on straight lines."""
        return np.interp(rates, self.false_positives, self.sensitivity)

    @property
    def cpm(self) -> float:
        """Mean sensitivity at the seven rates."""
        return float(self.at(RATES).mean())


def match(marks: PointTable, reference: Reference, most: int | None = MOST_MARKS) -> Matched:
    """Match the marks of a detector with what is to be found.

    Args:
        marks: With ``probability``.
        reference: All scans of the study.
        most: Marks of a scan that count; None for all.

    Raises:
        DataError: If no mark lies in a scan of the study.
    """
    marks = PointTable(reference.named(marks.cases), marks.points, marks.values)
    probability = marks.values["probability"]
    rows, objects = marks.by_case(), reference.objects.by_case()
    ignored = reference.ignored.by_case()
    known = set(reference.cases)
    here = sum(len(k) for name, k in rows.items() if name in known)
    if len(marks) and not here:
        raise DataError(
            f"expected marks in the {len(known)} scans of the study, got only others, such as "
            f"{marks.cases[0]}; give the annotations that belong to these ids"
        )
    none = np.zeros(0, int)
    best, object_scan, false, false_scan = [], [], [], []
    doubled = irrelevant = beyond = 0
    for scan, name in enumerate(reference.cases):
        mine = rows.get(name, none)
        kept = _strongest(mine, probability, most)
        beyond += len(mine) - len(kept)
        points, said = marks.points[kept], probability[kept]
        on = _inside(points, reference.objects, objects.get(name, none))
        masked = np.where(on, said[:, None], -np.inf)
        top = masked.max(0, initial=-np.inf)
        best.append(np.where(np.isfinite(top), top, np.nan))
        object_scan += [scan] * on.shape[1]
        doubled += int(on.sum()) - int(on.any(0).sum())
        used = on.any(1)
        passed = _inside(points, reference.ignored, ignored.get(name, none)).any(1) & ~used
        irrelevant += int(passed.sum())
        wrong = said[~used & ~passed]
        false.append(wrong)
        false_scan += [scan] * len(wrong)
    return Matched(
        np.concatenate(best), np.array(object_scan, int), np.concatenate(false),
        np.array(false_scan, int), reference.units, len(marks), doubled, irrelevant, beyond,
        len(marks) - here,
    )  # fmt: skip


def _strongest(rows: Ints, probability: Array, most: int | None) -> Ints:
    """Those above the first that is too many; of equal ones at that place none stays."""
    if most is None or len(rows) <= most:
        return rows
    said = probability[rows]
    kept: Ints = rows[said > np.sort(said)[::-1][most]][:most]
    return kept


def _inside(points: Array, table: PointTable, rows: Ints) -> NDArray[np.bool_]:
    """``(marks, rows)``: whether each mark lies within the radius of each row."""
    sizes = table.values["diameter_mm"][rows]
    radii = np.where(sizes < 0, UNMEASURED_MM, sizes) / 2
    return within(points, table.points[rows], radii)


def curve(matched: Matched) -> Curve:
    """The FROC curve over all thresholds."""
    events = _Events(matched)
    weights = np.ones((1, len(matched.units)))
    rate, sensitivity = events.curves(weights)
    zero = np.zeros(1)
    return Curve(
        np.concatenate([zero, rate[0]]),
        np.concatenate([zero, sensitivity[0]]),
        np.concatenate([[np.inf], events.thresholds]),
    )


def resampled(matched: Matched, drawn: Array) -> Array:
    """Sensitivities ``(R, 7)`` at the seven rates, for weights ``(R, patients)``."""
    events = _Events(matched)
    out = np.empty((len(drawn), len(RATES)))
    for start in range(0, len(drawn), _ROWS):
        rate, sensitivity = events.curves(drawn[start : start + _ROWS][:, matched.units])
        for row, (x, y) in enumerate(zip(rate, sensitivity, strict=True), start):
            out[row] = np.interp(RATES, np.append(0.0, x), np.append(0.0, y))
    return out


class _Events:
    """Hits and false positives in order of probability, the highest first."""

    def __init__(self, matched: Matched) -> None:
        found = np.isfinite(matched.best)
        probability = np.concatenate([matched.best[found], matched.false])
        order = np.argsort(-probability, kind="stable")
        ranked = probability[order]
        self.object_scan = matched.object_scan
        self.scan = np.concatenate([matched.object_scan[found], matched.false_scan])[order]
        self.hit = (np.arange(len(order)) < found.sum())[order].astype(float)
        last = np.ones(len(ranked), bool)
        last[:-1] = ranked[1:] != ranked[:-1]
        self.last, self.thresholds = last, ranked[last]

    def curves(self, weights: Array) -> tuple[Array, Array]:
        """False positives a scan and sensitivity ``(R, thresholds)`` for weights ``(R, scans)``."""
        each = weights[:, self.scan]
        hits = np.cumsum(each * self.hit, 1)[:, self.last]
        false = np.cumsum(each, 1)[:, self.last] - hits
        total = weights[:, self.object_scan].sum(1, keepdims=True)
        scans = weights.sum(1, keepdims=True)
        sensitivity = np.divide(hits, total, out=np.full_like(hits, np.nan), where=total > 0)
        return false / scans, sensitivity
