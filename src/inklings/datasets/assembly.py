"""From the journal of an import to the cohort on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from inklings.cohorts.annotated import annotated_text, with_annotated
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort, from_row
from inklings.datasets import findings as reports
from inklings.datasets.dataset import Dataset
from inklings.datasets.findings import ImportFinding
from inklings.datasets.journal import Journal
from inklings.errors import DataError


def assembled(
    dataset: Dataset, journal: Journal, out: Path, rewrite: bool, annotates: str | None = None
) -> tuple[Cohort, tuple[str, ...]]:
    """The cohort of all cases that are whole, written to ``out``, and what its dataset tells.

    Splits, patients and facts that were added to an earlier state of the cohort are kept. With
    ``rewrite`` False, what lies on disk is taken if it can be read. ``annotates`` says which
    classes the cases annotate (`inklings.cohorts.annotated`); None leaves that as it was.
    """
    known: dict[str, Case] = {}
    if (out / "cohort.yaml").exists():
        try:
            old = Cohort.read(out)
        except DataError:
            old = None
        if old is not None and not rewrite and annotates is None:
            return old, journal.words
        known = {case.id: case for case in old or ()}
    home = out.resolve()
    rows = [record["case"] for record in journal.records.values() if "case" in record]
    cases = [_kept(from_row(row, home), known) for row in rows]
    ordered = tuple(sorted(cases, key=lambda case: case.id))
    facts = {**dataset.facts, **({"source": dataset.source.name} if dataset.source else {})}
    plain = Cohort(dataset.name or out.name, ordered, dataset.classes, facts)
    cohort, words = dataset.finish(plain, out)
    if annotates is not None:
        cohort = with_annotated(cohort, annotates)
        words = (*words, annotated_text(cohort) or "annotated: every class in every case")
    reports.write(found_in(journal), out)
    cohort.write(out)
    return cohort, tuple(words)


def _kept(case: Case, known: dict[str, Case]) -> Case:
    """A case with what was decided about it before."""
    old = known.get(case.id)
    if old is None:
        return case
    return dataclasses.replace(
        case,
        split=old.split or case.split,
        patient=old.patient,
        facts={**old.facts, **case.facts},
        annotates=old.annotates if case.annotates is None else case.annotates,
    )


def found_in(journal: Journal) -> list[ImportFinding]:
    """The findings of all cases, by id."""
    return [
        ImportFinding(case, kind, detail, count)
        for _, record in sorted(journal.records.items())
        for kind, detail, count, case in record.get("findings", ())
    ]
