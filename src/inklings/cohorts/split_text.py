"""A split in words, for a terminal."""

from __future__ import annotations

from inklings.cohorts.case import SPLITS
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.split_files import SplitOutcome


def text(outcome: SplitOutcome) -> str:
    """A table of cases and units by split and stratum, and the hash."""
    record, total = outcome.record, len(outcome.cohort)
    rows = [("", *SPLITS)]
    rows.append(
        ("cases", *(f"{n} ({n / total:.1%})" for n in (record["counts"][s] for s in SPLITS)))
    )
    people = {s: {case.patient for case in outcome.cohort.part(s)} for s in SPLITS}
    rows.append(("patients", *(str(len(people[s])) for s in SPLITS)))
    rows.append(("independent groups", *(str(record["units"][s]) for s in SPLITS)))
    if len(record["strata"]) > 1:
        rows += [(name, *(str(n[s]) for s in SPLITS)) for name, n in record["strata"].items()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    together = [len(group["cases"]) for group in record["groups"]]
    if together:
        lines.append(
            f"{len(together)} groups of 2 to {max(together)} cases ({sum(together)} in all) were "
            "kept together"
        )
    lines += thin_parts(outcome.cohort)
    lines.append(f"split hash {record['hash']}")
    return "\n".join(lines)


def thin_parts(cohort: Cohort) -> list[str]:
    """Parts of which nothing is annotated, and a test part of a single patient to score."""
    said, some = [], any(case.labels for case in cohort)
    for name in SPLITS:
        part = cohort.part(name)
        if some and part and not any(case.labels for case in part):
            said.append(
                f"no case of {name} is annotated, so there is nothing to "
                f"{'learn from' if name == 'train' else 'score'}: annotate some, or take another "
                "--seed or other fractions"
            )
    test = cohort.part("test")
    if len({case.patient for case in test if case.labels or not some}) == 1:
        bare = "" if len({case.patient for case in test}) == 1 else "annotated "
        said.append(
            f"test is one {bare}patient, whose scores have no intervals: take another --seed or "
            "larger fractions, or 'inklings crossval', which tests on every patient"
        )
    return said
