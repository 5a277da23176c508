"""Which classes the labels of each case speak of: said for all cases, or in a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.tables import read_table
from inklings.tables.cells import truth

COLUMNS = ("case", "class", "annotated")


def with_annotated(cohort: Cohort, said: str) -> Cohort:
    """The cohort, its cases told which of its classes they annotate.

    Args:
        cohort: Any.
        said: Names of classes between commas, of all cases; or the path of a table (``.csv``,
            ``.tsv`` or ``.parquet``) with a row for every case and class that departs from that:
            ``case``, ``class``, and ``annotated``, yes or no. What no row speaks of is annotated.

    Raises:
        SpecError: If no class, or one that the cohort does not have, is named.
        DataError: If the table has a row of no case or no class, or one that says neither, or two
            rows that say both.
    """
    if Path(said).suffix.lower() in (".csv", ".tsv", ".parquet"):
        return _by_table(cohort, Path(said))
    named = tuple(name.strip() for name in said.split(",") if name.strip())
    unknown = [name for name in named if name not in cohort.classes]
    if unknown or not named:
        raise SpecError(
            f"annotates: expected classes of the cohort ({', '.join(cohort.classes)}), got "
            f"{', '.join(unknown) or 'none'}; the labels name the classes, this says which of them "
            "were looked for"
        )
    return _told(cohort, {case.id: named for case in cohort})


def _by_table(cohort: Cohort, path: Path) -> Cohort:
    table = read_table(path, COLUMNS)
    table.require(COLUMNS)
    ids = {case.id for case in cohort}
    stated: dict[tuple[str, str], bool] = {}
    rows = zip(*(table.stated(name) for name in COLUMNS), strict=True)
    for i, (case, name, cell) in enumerate(rows):
        said = truth(cell)
        if case not in ids:
            raise DataError(f"{table.at(i, 'case')}: expected a case of the cohort, got {case!r}")
        if name not in cohort.classes:
            classes = ", ".join(cohort.classes)
            raise DataError(f"{table.at(i, 'class')}: expected one of {classes}, got {name!r}")
        if said is None:
            raise DataError(f"{table.at(i, 'annotated')}: expected yes or no, got {cell!r}")
        if stated.setdefault((case, name), said) != said:
            raise DataError(
                f"{table.at(i, 'annotated')}: expected one answer for {name} of {case}, got both "
                "yes and no; remove one of the rows"
            )
    told = {
        case.id: tuple(name for name in cohort.classes if stated.get((case.id, name), True))
        for case in cohort
    }
    return _told(cohort, told)


def _told(cohort: Cohort, annotates: dict[str, tuple[str, ...]]) -> Cohort:
    cases = tuple(
        dataclasses.replace(case, annotates=_unless_all(annotates[case.id], cohort.classes))
        for case in cohort
    )
    return dataclasses.replace(cohort, cases=cases)


def _unless_all(named: Sequence[str], classes: Sequence[str]) -> tuple[str, ...] | None:
    """In the order of ``classes``; None where they are all named, which is how cases are made."""
    own = tuple(name for name in classes if name in named)
    return None if own == tuple(classes) else own


def annotated_text(cohort: Cohort) -> str:
    """How many cases annotate each class, and which nobody does; empty where all annotate all."""
    counts = [sum(case.annotated([name])[0] for case in cohort) for name in cohort.classes]
    if all(count == len(cohort) for count in counts):
        return ""
    told = ", ".join(f"{n} {name}" for name, n in zip(cohort.classes, counts, strict=True))
    text = f"annotated: {told}, of {len(cohort)} cases"
    nobody = ", ".join(n for n, count in zip(cohort.classes, counts, strict=True) if not count)
    return f"{text}; nobody looked for {nobody}" if nobody else text
