"""A FROC analysis as a table: counts, sensitivities, CPM with intervals, and files."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inklings.cohorts.balls import balls_of, class_of
from inklings.cohorts.cohort import Cohort
from inklings.datasets.luna_tables import read_places
from inklings.errors import DataError, SpecError
from inklings.evaluation.froc import (
    RATES,
    UNMEASURED_MM,
    Curve,
    Matched,
    Reference,
    curve,
    match,
    resampled,
)
from inklings.evaluation.intervals import Bootstrap
from inklings.evaluation.truth import truth
from inklings.files import write_json, write_text
from inklings.findings.points import PointTable
from inklings.labels.kinds import IRRELEVANT
from inklings.predictions.findings import FOLDER, read_all


@dataclass(frozen=True)
class Sensitivity:
    """At one rate of false positives a scan, with its interval."""

    rate: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Compared:
    """CPM minus that of another detector on the same scans, with its paired interval."""

    other: str
    cpm: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class FrocTable:
    """Everything a FROC analysis found.

    Attributes:
        counts: Scans, objects, hits, false positives, and marks that were ignored.
        sensitivities: At the seven rates.
        cpm: Their mean, with its interval.
        line: The whole curve.
        head: What was scored against what.
        compared: With another detector, if one was given.
    """

    counts: dict[str, int]
    sensitivities: tuple[Sensitivity, ...]
    cpm: Sensitivity
    line: Curve
    head: dict[str, Any]
    compared: Compared | None = None

    def text(self) -> str:
        """The table for people."""
        c = self.counts
        lines = [
            f"{self.head['marks']} against {self.head['reference']}",
            f"{c['objects']} {self.head['class']}s in {c['scans']} scans, {c['hits']} hit "
            f"({c['objects'] - c['hits']} never), {c['false positives']} false positives; ignored: "
            f"{c['doubled']} doubled, {c['irrelevant']} on excluded findings, "
            f"{c['beyond']} beyond 100 a scan, {c['elsewhere']} in other scans",
        ]
        if c["unmeasured"]:
            taken = f"taken as {UNMEASURED_MM:g} mm across"
            lines.append(f"{c['unmeasured']} have no diameter and are {taken}")
        lines += [
            "",
            "false positives a scan   sensitivity   95 % interval",
        ]
        for one in self.sensitivities:
            name = f"1/{round(1 / one.rate)}" if one.rate < 1 else f"{one.rate:g}"
            lines.append(f"{name:>22}   {one.value:>11.4f}   {one.low:.4f} to {one.high:.4f}")
        cpm = self.cpm
        lines.append(f"{'CPM':>22}   {cpm.value:>11.4f}   {cpm.low:.4f} to {cpm.high:.4f}")
        if self.compared:
            d = self.compared
            sure = "" if d.low <= 0 <= d.high else " (excludes 0)"
            lines += [
                "",
                f"CPM of {d.other} {d.cpm:.4f}; difference {d.difference:+.4f}, paired interval "
                f"{d.low:+.4f} to {d.high:+.4f}{sure}",
            ]
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **self.head,
            "counts": self.counts,
            "sensitivities": [asdict(one) for one in self.sensitivities],
            "cpm": {k: v for k, v in asdict(self.cpm).items() if k != "rate"},
            "compared": asdict(self.compared) if self.compared else None,
        }

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write ``froc.json`` and ``froc.csv`` (the curve)."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("threshold", "false_positives_per_scan", "sensitivity"))
        rows = zip(
            self.line.thresholds.tolist(),
            self.line.false_positives.tolist(),
            self.line.sensitivity.tolist(),
            strict=True,
        )
        writer.writerows(rows)
        paths = folder / "froc.json", folder / "froc.csv"
        write_json(paths[0], self.record())
        write_text(paths[1], text.getvalue())
        return paths


def froc(
    marks: PointTable,
    reference: Reference,
    bootstrap: Bootstrap | None = None,
    other: PointTable | None = None,
    head: dict[str, Any] | None = None,
) -> FrocTable:
    """Score the marks of a detector, and compare with those of another on the same scans."""
    bootstrap = bootstrap or Bootstrap(1000)
    matched = match(marks, reference)
    line, drawn = curve(matched), resampled(matched, bootstrap)
    at = line.at(RATES)
    each = [
        Sensitivity(rate, float(value), *bootstrap.interval(drawn[:, k]))
        for k, (rate, value) in enumerate(zip(RATES, at, strict=True))
    ]
    cpm = Sensitivity(float("nan"), line.cpm, *bootstrap.interval(drawn.mean(1)))
    given = head or {}
    head = {"marks": "marks", "reference": "annotations", "class": reference.name, **given}
    compared = None
    if other is not None:
        theirs = match(other, reference)
        gap = drawn.mean(1) - resampled(theirs, bootstrap).mean(1)
        value = curve(theirs).cpm
        low, high = bootstrap.interval(gap)
        compared = Compared(head.get("other", "the other"), value, line.cpm - value, low, high)
    return FrocTable(_counts(matched, reference), tuple(each), cpm, line, head, compared)


def _counts(matched: Matched, reference: Reference) -> dict[str, int]:
    return {
        "scans": len(reference.cases),
        "objects": len(matched.best),
        "unmeasured": reference.unmeasured,
        "hits": matched.hits,
        "false positives": len(matched.false),
        "marks": matched.marks,
        "doubled": matched.doubled,
        "irrelevant": matched.irrelevant,
        "beyond": matched.beyond,
        "elsewhere": matched.elsewhere,
    }


def read_marks(path: Path) -> PointTable:
    """A submission (CSV or TSV), or a folder that holds ``findings/<case>.json``.

    Raises:
        DataError: If it is neither.
    """
    if not path.is_dir():
        return read_places(path, ("probability",))
    folder = path.parent if path.name == FOLDER else path
    every = read_all(folder)
    rows = [(f.case, *one.centre_mm, one.score) for f in every for one in f]
    return PointTable.of(rows, "probability")


def unread(path: Path, reference: Reference) -> tuple[str, ...]:
    """Scans of the study for which a folder holds no findings, not even an empty file."""
    if not path.is_dir():
        return ()
    folder = path if path.name == FOLDER else path / FOLDER
    stems = np.array([file.stem for file in folder.glob("*.json")], object)
    there = set(reference.named(stems).tolist())
    return tuple(case for case in reference.cases if case not in there)


def from_cohort(folder: Path, split: str = "all", name: str | None = None) -> Reference:
    """The reference of a cohort, with its patients.

    Args:
        folder: The cohort.
        split: The part that is scored.
        name: The class that is to be found; None: the only one that is marked by places.

    Raises:
        SpecError: If the cohort has no such split, or several classes.
        DataError: If there is no such object in it.
    """
    cohort: Cohort = truth(folder)
    if split != "all" and not cohort.is_split:
        split = "all"
    cases = [case for case in cohort if split in ("all", case.split)]
    if not cases:
        raise SpecError(f"expected cases in split {split!r} of {folder}, got none; try another")
    name = class_of(cases, folder) if name is None else name
    rows: dict[str, list[tuple[str, float, float, float, float]]] = {name: [], IRRELEVANT: []}
    for case in cases:
        for one in balls_of(case, (name, IRRELEVANT)):
            size = -1.0 if one.diameter_mm is None else one.diameter_mm
            rows[one.name].append((case.id, *one.centre_mm, size))
    if not rows[name]:
        raise DataError(f"expected a {name} among the labels of {folder}, got none to be found")
    objects, ignored = (PointTable.of(rows[key], "diameter_mm") for key in (name, IRRELEVANT))
    ids, patients = zip(*((case.id, case.patient) for case in cases), strict=True)
    return Reference(ids, objects, ignored, patients, name)
