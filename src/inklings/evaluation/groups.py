"""Scores of groups of cases: by stain, site, scanner, sex, or whatever the metadata hold."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inklings.cohorts.case import Case
from inklings.errors import SpecError
from inklings.evaluation.changes import number
from inklings.evaluation.head_lines import of_patients
from inklings.evaluation.intervals import FEW
from inklings.evaluation.scores import Row

UNKNOWN = "unknown"
RANGES = 3
_WHOLE = re.compile(r"(-?\d+)\.0+")
_NOTHING = ("", "nan", "none", "n/a", "na", "unknown")
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


def columns_of(cases: Sequence[Case], asked: Sequence[str]) -> tuple[str, ...]:
    """Columns by their names, whatever their capitals and spaces.

    Raises:
        SpecError: If no case has such a column, or several are called alike; with those there are.
    """
    known = sorted({name for case in cases for name in case.facts})
    found = []
    for column in asked:
        alike = [name for name in known if _plain(name) == _plain(column)]
        if column not in known and len(alike) != 1:
            what = "several columns are called like" if alike else "no column"
            there = ", ".join(alike or known) or "none"
            raise SpecError(
                f"--by: {what} {column!r} in the metadata of the {len(cases)} scored cases; "
                f"there are: {there}"
            )
        found.append(column if column in known else alike[0])
    return tuple(dict.fromkeys(found))


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").split()).casefold()


def names_of(cases: Sequence[Case], column: str) -> dict[str, str]:
    """Group of each case by its id.

    Values that differ in capitals and spaces alone are one, called as most write it, as are 1 and
    1.0. Numbers of which the usual one has fewer than `FEW` patients (an age) are put into `RANGES`
    ranges with as many cases each.

    Args:
        cases: With their metadata.
        column: Of it.
    """
    said = {case.id: " ".join(str(case.facts.get(column, "")).split()) for case in cases}
    said = {case: "" if _plain(text) in _NOTHING else text for case, text in said.items()}
    said = {case: m[1] if (m := _WHOLE.fullmatch(text)) else text for case, text in said.items()}
    patients = {case.id: case.patient for case in cases}
    if (ranges := _ranges(said, patients)) is not None:
        return ranges
    spellings: dict[str, Counter[str]] = {}
    for text in said.values():
        spellings.setdefault(_plain(text), Counter())[text] += 1
    usual = {key: max(sorted(of), key=of.__getitem__) for key, of in spellings.items()}
    return {case: usual[_plain(text)] or UNKNOWN for case, text in said.items()}


def _ranges(said: Mapping[str, str], patients: Mapping[str, str]) -> dict[str, str] | None:
    """Numbers as ranges; None where these are no numbers, or patients suffice for each."""
    try:
        numbers = {case: float(text) for case, text in said.items() if text}
    except ValueError:
        return None
    values = sorted(numbers.values())
    of = {v: len({patients[case] for case, own in numbers.items() if own == v}) for v in values}
    if len(of) <= RANGES or not np.isfinite(values).all() or np.median([*of.values()]) >= FEW:
        return None
    ends = np.quantile(values, np.arange(1, RANGES) / RANGES, method="inverted_cdf")
    place = {case: int(np.searchsorted(ends, value)) for case, value in numbers.items()}
    names = {}
    for k in set(place.values()):
        own = sorted((case for case in place if place[case] == k), key=numbers.__getitem__)
        low, high = said[own[0]], said[own[-1]]  # as written: rounded, a date is its century
        names[k] = low if numbers[own[0]] == numbers[own[-1]] else f"{low} to {high}"
    return {case: names[place[case]] if case in place else UNKNOWN for case in said}


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
        own_cases = [case for case in cases if case.id in scored]
        names = names_of(own_cases, column)
        for case in own_cases:
            members.setdefault(names[case.id], []).append(case)
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
