"""Score findings, or a submission of marks: FROC and CPM by the rules of LUNA16 (`froc`)."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.evaluation.changes import Change
from inklings.evaluation.family import Family, Job, ScoredSource, Selection
from inklings.evaluation.froc import (
    RATES,
    UNMEASURED_MM,
    Matched,
    Reference,
    curve,
    match,
    resampled,
)
from inklings.evaluation.intervals import BOOTSTRAP, Bootstrap, difference
from inklings.evaluation.marks import of_cases, read_marks, unread
from inklings.evaluation.metric import Array
from inklings.evaluation.results import Results
from inklings.evaluation.scores import Row
from inklings.evaluation.selection import part_of
from inklings.evaluation.truth import truth
from inklings.findings.points import PointTable

CURVE = "froc.csv"
SENSITIVITIES = tuple(f"sensitivity_{rate:g}" for rate in RATES)
_NAMES = (*SENSITIVITIES, "cpm")


@dataclass(frozen=True)
class FindingScoring:
    """Marks beside what is to be found.

    Attributes:
        job: What is scored.
        selection: Whose scans.
        reference: What is to be found.
    """

    job: Job
    selection: Selection
    reference: Reference

    def measure(self) -> Results:
        """Sensitivity at the seven rates, CPM, and a line for each scan."""
        names, theirs = self.job.settings.metrics, self.job.theirs
        found = froc(
            read_marks(self.job.mine.path),
            self.reference,
            self.job.settings.bootstrap,
            read_marks(theirs.path) if theirs else None,
        )
        return replace(
            found,
            rows=tuple(row for row in found.rows if names is None or row.metric in names),
            changes=tuple(c for c in found.changes if names is None or c.metric in names),
            facts={**self.selection.facts, **found.facts},
            files={**found.files, "froc.json": self._record(found)} if names is None else {},
        )

    def _record(self, found: Results) -> dict[str, Any]:
        """``froc.json``."""
        intervals = [{"value": row.value, "low": row.low, "high": row.high} for row in found.rows]
        compared = None
        if self.job.theirs:
            cpm = found.changes[-1]
            compared = {
                "other": str(self.job.theirs.path),
                "cpm": cpm.second,
                "difference": cpm.value,
                "low": cpm.low,
                "high": cpm.high,
            }
        return {
            "marks": str(self.job.mine.path),
            "reference": self.selection.facts["cohort"],
            "class": self.reference.name,
            "counts": found.facts["counts"],
            "sensitivities": [
                {"rate": rate, **one} for rate, one in zip(RATES, intervals[:-1], strict=True)
            ],
            "cpm": intervals[-1],
            "compared": compared,
        }


def froc(
    marks: PointTable,
    reference: Reference,
    bootstrap: Bootstrap = BOOTSTRAP,
    other: PointTable | None = None,
) -> Results:
    """Rows, curve and counts of the marks of a detector, beside those of another on these scans."""
    matched = match(marks, reference)
    scans, patients = len(reference.cases), int(matched.units.max()) + 1
    weights = bootstrap.weights(patients)
    values, drawn = _values(matched), _drawn(resampled(matched, weights))
    alone = _drawn(resampled(matched, np.eye(patients)))
    rows = [
        Row(
            name, value, *bootstrap.interval(value, column, own), scans, patients, "",
            reference.name, _title(k),
        )
        for k, (name, value, column, own) in enumerate(
            zip(_NAMES, values, drawn.T, alone.T, strict=True)
        )
    ]  # fmt: skip
    changes: tuple[Change, ...] = ()
    if other is not None:
        theirs = match(other, reference)
        gap = drawn - _drawn(resampled(theirs, weights))
        differing = _differing(matched, theirs)
        changes = tuple(
            Change.of(
                row, row.label,
                difference(row.value, second, column, patients, differing, bootstrap.level),
            )
            for row, second, column in zip(rows, _values(theirs), gap.T, strict=True)
        )  # fmt: skip
    line, counts = curve(matched), _counts(matched, reference)
    facts = {
        "cases": scans,
        "patients": patients,
        "counts": counts,
        "resamples": bootstrap.resamples,
        "seed": bootstrap.seed,
        "level": bootstrap.level,
        "summary": list(_summary(counts, reference.name)),
    }
    columns = {
        "threshold": line.thresholds.tolist(),
        "false_positives_per_scan": line.false_positives.tolist(),
        "sensitivity": line.sensitivity.tolist(),
    }
    lines = tuple(_lines(matched, reference))
    return Results(tuple(rows), lines, facts, changes=changes, files={CURVE: columns})


def prepare(job: Job) -> FindingScoring:
    """Find what is to be found.

    Raises:
        SpecError: If a metric is unknown, or an option means nothing.
        DataError: If there is nothing to be found.
    """
    settings = job.settings
    for name in settings.metrics or ():
        if name not in _NAMES:
            near = difflib.get_close_matches(name, _NAMES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(_NAMES)}"
            raise SpecError(f"no metric of findings named {name!r}; {hint}")
    if isinstance(job.reference, Reference):
        if settings.split is not None:
            raise SpecError("--split does not apply with --annotations, which have no parts")
        reference = job.reference
        facts = {"cohort": "annotations", "split": "all", "split_hash": None}
        told = () if reference.patients else ("the annotations name no patients: scans count",)
        patients = frozenset(reference.patients or reference.cases)
        selection = Selection(patients, facts=facts, warnings=told)
    elif job.reference is not None:
        standard = truth(job.reference.resolve())
        selection = part_of(job.reference, standard, job.part)
        reference = of_cases(selection.cases, job.reference, _class_of(job.mine, standard))
    else:
        raise SpecError("expected --cohort or --annotations, one of the two")
    if missing := unread(job.mine.path, reference):
        lost = (
            f"{len(missing)} of {len(reference.cases)} scans have no findings "
            f"({', '.join(missing[:3])}); what lies there counts as missed"
        )
        selection = replace(selection, warnings=(*selection.warnings, lost))
    return FindingScoring(job, selection, reference)


FAMILY = Family("findings", frozenset({"split", "annotations", "compare"}), prepare)


def _class_of(source: ScoredSource, standard: Cohort) -> str | None:
    """The class that a folder predicts; None where it is left to the labels to tell.

    Raises:
        DataError: If the labels have classes, and this is none of them.
    """
    classes = source.folder.head.classes if source.folder else ()
    if len(classes) != 1:
        return None
    if standard.classes and classes[0] not in standard.classes:
        raise DataError(
            f"expected findings of {' or '.join(standard.classes)}, which the cohort marks, got "
            f"{classes[0]} in {source.path}; import the cohort with the name that was learnt"
        )
    return classes[0] if standard.classes else None


def _summary(counts: dict[str, int], name: str) -> Iterator[str]:
    """The counts for people."""
    yield (
        f"{counts['objects']} {name}s in {counts['scans']} scans, {counts['hits']} hit "
        f"({counts['objects'] - counts['hits']} never), {counts['false positives']} false "
        f"positives; ignored: {counts['doubled']} doubled, {counts['irrelevant']} on excluded "
        f"findings, {counts['beyond']} beyond 100 a scan, {counts['elsewhere']} in other scans"
    )
    if counts["unmeasured"]:
        yield (
            f"{counts['unmeasured']} have no diameter and are taken as {UNMEASURED_MM:g} mm across"
        )


def _values(matched: Matched) -> list[float]:
    at = curve(matched).at(RATES)
    return [*at.tolist(), float(at.mean())]


def _differing(mine: Matched, theirs: Matched) -> int:
    """Patients in whom two detectors hit or mark anything with another probability."""
    differs = np.zeros(int(mine.units.max()) + 1, bool)
    other = ~np.isclose(mine.best, theirs.best, rtol=0, atol=0, equal_nan=True)
    differs[mine.units[mine.object_scan[other]]] = True
    for scan, unit in enumerate(mine.units):
        one, two = (np.sort(m.false[m.false_scan == scan]) for m in (mine, theirs))
        differs[unit] |= not np.array_equal(one, two)
    return int(differs.sum())


def _drawn(sensitivities: Array) -> Array:
    """With the CPM as a last column."""
    return np.concatenate([sensitivities, sensitivities.mean(1, keepdims=True)], 1)


def _title(k: int) -> str:
    if k == len(RATES):
        return "CPM, the mean of these"
    rate = RATES[k]
    words = f"1/{round(1 / rate)}" if rate < 1 else f"{rate:g}"
    return f"Sensitivity at {words} false positives a scan"


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


def _lines(matched: Matched, reference: Reference) -> Iterator[dict[str, Any]]:
    """A line for each scan."""
    scans = len(reference.cases)
    hit = np.isfinite(matched.best)
    objects, hits, false = (
        np.bincount(where, minlength=scans).tolist()
        for where in (matched.object_scan, matched.object_scan[hit], matched.false_scan)
    )
    patients = reference.patients or reference.cases
    for scan, patient, *numbers in zip(
        reference.cases, patients, objects, hits, false, strict=True
    ):
        names = ("objects", "hits", "false_positives")
        yield {"case": scan, "patient": patient, **dict(zip(names, numbers, strict=True))}
