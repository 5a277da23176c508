"""FROC and CPM by the rules of LUNA16.

A mark hits a nodule if it lies closer to its centre than its radius. The best mark of a nodule
counts, more marks on it are ignored, and so are marks on excluded findings (those nobody measured
have a diameter of 10 mm). All other marks are false positives. At most the 100 best marks of a
scan count. Sensitivity over false positives a scan is joined by straight lines from (0, 0) on;
CPM is its mean at 1/8, 1/4, 1/2, 1, 2, 4 and 8 (Setio et al. 2017, Medical Image Analysis 42;
Niemeijer et al. 2011, IEEE TMI 30). Intervals resample scans, or patients where they are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.datasets.luna_tables import EXCLUDED_MM, Places
from inklings.errors import DataError
from inklings.evaluation.intervals import Bootstrap

RATES = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)
MOST_MARKS = 100
_ROWS = 50
Array = NDArray[np.float64]
Ints = NDArray[np.int_]


@dataclass(frozen=True)
class Reference:
    """What is to be found.

    Attributes:
        scans: Ids of all scans, also of those without a nodule.
        nodules: With ``diameter_mm``.
        excluded: What counts neither for nor against anybody.
        patients: Of every scan; the scans themselves where nobody knows.
    """

    scans: tuple[str, ...]
    nodules: Places
    excluded: Places
    patients: tuple[str, ...] = ()

    @property
    def units(self) -> Ints:
        """``(scans)`` number of the patient, which is what a bootstrap draws."""
        return np.unique(self.patients or self.scans, return_inverse=True)[1].astype(int)


@dataclass(frozen=True)
class Matched:
    """Marks and nodules of a study, matched once for all thresholds.

    Attributes:
        best: ``(N)``: highest probability among the marks on each nodule, NaN where it was missed.
        nodule_scan: ``(N)`` index of the scan of each.
        false: ``(M)`` probabilities of the false positives.
        false_scan: ``(M)`` index of the scan of each.
        units: ``(scans)`` what a bootstrap draws.
        marks: How many marks were read.
        doubled: Marks ignored because the nodule has a better one.
        irrelevant: Marks ignored because they lie on excluded findings.
        beyond: Marks ignored because the scan has more than 100 better ones.
        elsewhere: Marks in scans that are not part of the study.
    """

    best: Array
    nodule_scan: Ints
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
        """Nodules with a mark."""
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


def match(marks: Places, reference: Reference, most: int | None = MOST_MARKS) -> Matched:
    """Match the marks of a detector with what is to be found.

    Args:
        marks: With ``probability``.
        reference: All scans of the study.
        most: Marks of a scan that count; None for all.

    Raises:
        DataError: If no mark lies in a scan of the study.
    """
    probability = marks.values["probability"]
    rows, nodules = marks.by_series(), reference.nodules.by_series()
    excluded = reference.excluded.by_series()
    known = set(reference.scans)
    here = sum(len(k) for name, k in rows.items() if name in known)
    if len(marks) and not here:
        raise DataError(
            f"expected marks in the {len(known)} scans of the study, got only others, such as "
            f"{marks.series[0]}; give the annotations that belong to these ids"
        )
    none = np.zeros(0, int)
    best, nodule_scan, false, false_scan = [], [], [], []
    doubled = irrelevant = beyond = 0
    for scan, name in enumerate(reference.scans):
        mine = rows.get(name, none)
        kept = _strongest(mine, probability, most)
        beyond += len(mine) - len(kept)
        points, said = marks.points[kept], probability[kept]
        on = _inside(points, reference.nodules, nodules.get(name, none))
        masked = np.where(on, said[:, None], -np.inf)
        top = masked.max(0, initial=-np.inf)
        best.append(np.where(np.isfinite(top), top, np.nan))
        nodule_scan += [scan] * on.shape[1]
        doubled += int(on.sum()) - int(on.any(0).sum())
        used = on.any(1)
        ignored = _inside(points, reference.excluded, excluded.get(name, none)).any(1) & ~used
        irrelevant += int(ignored.sum())
        wrong = said[~used & ~ignored]
        false.append(wrong)
        false_scan += [scan] * len(wrong)
    return Matched(
        np.concatenate(best), np.array(nodule_scan, int), np.concatenate(false),
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


def _inside(points: Array, places: Places, rows: Ints) -> NDArray[np.bool_]:
    """``(marks, places)``: whether each mark lies within the radius of each place."""
    sizes = places.values["diameter_mm"][rows]
    radius = np.where(sizes < 0, EXCLUDED_MM, sizes) / 2
    off = points[:, None] - places.points[rows][None]
    closer: NDArray[np.bool_] = (off**2).sum(-1) < radius**2
    return closer


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


def resampled(matched: Matched, bootstrap: Bootstrap) -> Array:
    """Sensitivities ``(resamples, 7)`` at the seven rates, over patients drawn anew."""
    events = _Events(matched)
    drawn = bootstrap.weights(int(matched.units.max()) + 1)
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
        self.nodule_scan = matched.nodule_scan
        self.scan = np.concatenate([matched.nodule_scan[found], matched.false_scan])[order]
        self.hit = (np.arange(len(order)) < found.sum())[order].astype(float)
        last = np.ones(len(ranked), bool)
        last[:-1] = ranked[1:] != ranked[:-1]
        self.last, self.thresholds = last, ranked[last]

    def curves(self, weights: Array) -> tuple[Array, Array]:
        """False positives a scan and sensitivity ``(R, thresholds)`` for weights ``(R, scans)``."""
        each = weights[:, self.scan]
        hits = np.cumsum(each * self.hit, 1)[:, self.last]
        false = np.cumsum(each, 1)[:, self.last] - hits
        total = weights[:, self.nodule_scan].sum(1, keepdims=True)
        scans = weights.sum(1, keepdims=True)
        sensitivity = np.divide(hits, total, out=np.full_like(hits, np.nan), where=total > 0)
        return false / scans, sensitivity
