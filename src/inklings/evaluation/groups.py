"""Scores of groups of cases: by stain, site, scanner, sex, or whatever the metadata hold."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inklings.cohorts.case import Case
from inklings.errors import SpecError
from inklings.evaluation.changes import number
from inklings.evaluation.head_lines import of_patients
from inklings.evaluation.intervals import FEW
from inklings.evaluation.scores import Row

UNKNOWN = "unknown"
RowsOf = Callable[[Collection[str]], tuple[Row, ...]]
"""From the ids of some cases to the rows over these alone."""


@dataclass(frozen=True)
class Group:
    """Cases that agree in a column of their metadata.

    Attributes:
        column: Name of the column.
        name: Its value; ``unknown`` where a case has none.
        cases: How many are scored.
        patients: That they come from.
        rows: Over these alone.
    """

    column: str
    name: str
    cases: int
    patients: int
    rows: tuple[Row, ...]


def require_columns(cases: Sequence[Case], columns: Sequence[str]) -> None:
    """Refuse columns that no case has.

    Raises:
        SpecError: With those that exist.
    """
    known = sorted({name for case in cases for name in case.facts})
    for column in columns:
        if column not in known:
            there = ", ".join(known) or "none"
            raise SpecError(
                f"--by: no column {column!r} in the metadata of the {len(cases)} scored cases; "
                f"there are: {there}"
            )


def grouped(
    rows_of: RowsOf, scored: Collection[str], cases: Sequence[Case], columns: Sequence[str]
) -> Iterator[Group]:
    """Groups by each column, the worst in the first metric first.

    Args:
        rows_of: As `RowsOf`.
        scored: Ids of the cases that were scored.
        cases: With their metadata.
        columns: Of these.
    """
    for column in columns:
        members: dict[str, list[Case]] = {}
        for case in cases:
            if case.id in scored:
                name = str(case.facts.get(column, "")).strip() or UNKNOWN
                members.setdefault(name, []).append(case)
        found = [
            Group(
                column, name, len(own), len({c.patient for c in own}),
                rows_of({case.id for case in own}),
            )
            for name, own in members.items()
        ]  # fmt: skip
        first = next((row.metric for group in found for row in group.rows), "")
        yield from sorted(found, key=lambda group: (_place(group, first), group.name))


def _place(group: Group, metric: str) -> float:
    """Mean of the first metric over classes, the worst lowest; undefined is last."""
    values = [
        row.value if row.higher else -row.value
        for row in group.rows
        if row.metric == metric and not math.isnan(row.value)
    ]
    return sum(values) / len(values) if values else math.inf


def group_lines(groups: Sequence[Group]) -> list[str]:
    """Each group with the first metric and its interval, for people."""
    lines: list[str] = []
    for column in dict.fromkeys(group.column for group in groups):
        own = [group for group in groups if group.column == column]
        first = next((row for group in own for row in group.rows), None)
        if first is None:
            lines.append(f"by {column}: not judged, no metric of these is one of groups")
            continue
        wide = max(len(group.name) for group in own)
        lines.append(f"by {column}, the worst first: {first.title}")
        for group in own:
            shown = [row for row in group.rows if row.metric == first.metric]
            several = len(shown) > 1
            told = "; ".join(
                f"{row.label + ' ' if several else ''}{number(row.value)}"
                + (f" ({number(row.low)} to {number(row.high)})" if row.low == row.low else "")
                for row in shown
            )
            few = ", few" if group.patients < FEW else ""
            lines.append(
                f"  {group.name:{wide}}  {told or 'not judged'}  "
                f"{group.cases} cases of {of_patients(group.patients)}{few}"
            )
    return lines


def group_records(groups: Sequence[Group]) -> list[Mapping[str, Any]]:
    """All rows of all groups, for ``groups.csv``."""
    return [
        {
            "by": group.column,
            "group": group.name,
            **{"class" if k == "label" else k: v for k, v in dataclasses.asdict(row).items()},
        }
        for group in groups
        for row in group.rows
    ]
