"""From the journal of an import to the cohort on disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inklings.cases.case import Case
from inklings.cases.cohort import Cohort
from inklings.datasets import findings as reports
from inklings.datasets.findings import Finding
from inklings.datasets.journal import Journal
from inklings.errors import DataError
from inklings.labels.kinds import MaskLabel


def assembled(
    name: str,
    classes: tuple[str, ...],
    facts: Mapping[str, Any],
    journal: Journal,
    out: Path,
    rewrite: bool,
) -> Cohort:
    """The cohort on disk; made from the journal where it is outdated, missing or damaged.

    Splits, patients and facts that were added to an earlier state of the cohort are kept.
    """
    try:
        old = Cohort.read(out)
        if not rewrite:
            return old
        known = {case.id: case for case in old}
    except DataError:
        known = {}
    cases = [_case(record, out) for record in journal.records.values() if "image" in record]
    kept = [
        dataclasses.replace(
            case,
            split=known[case.id].split,
            patient=known[case.id].patient,
            facts={**known[case.id].facts, **case.facts},
        )
        if case.id in known
        else case
        for case in cases
    ]
    ordered = tuple(sorted(kept, key=lambda case: case.id))
    cohort = Cohort(name, ordered, classes, facts)
    reports.write(found_in(journal), out)
    cohort.write(out)
    return cohort


def _case(record: Mapping[str, Any], out: Path) -> Case:
    labels: tuple[MaskLabel, ...] = ()
    if "mask" in record:
        path, kind, classes, extent = record["mask"]
        labels = (MaskLabel(out / path, "image", kind, tuple(classes), extent),)
    return Case(
        id=record["id"],
        patient=record["patient"],
        images={"image": out / record["image"]},
        labels=labels,
        facts=record["facts"],
    )


def found_in(journal: Journal) -> list[Finding]:
    """The findings of all cases, by id."""
    return [
        Finding(name, *finding)
        for name, record in sorted(journal.records.items())
        for finding in record["findings"]
    ]
