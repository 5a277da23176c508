"""Columns of a table that hold a number of each bag: a value, or a time and whether it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inklings.errors import LabelError, SpecError
from inklings.labels.kinds import SurvivalLabel, ValueLabel
from inklings.tables.cells import NO, UNSAID, YES, decimal_of, is_missing, number

_EVENT = YES | {"dead", "deceased", "died", "event", "1:deceased", "1:dead", "tot"}
_CENSORED = NO | {"alive", "living", "censored", "0:living", "0:alive", "lebend"}
At = Callable[[int, str], str]


@dataclass(frozen=True)
class OutcomeColumns:
    """Which columns they are; none where labels are classes.

    Attributes:
        value: Of a regression.
        time: Of a survival, from the start to the event or to the end of the observation.
        event: Whether it was the event.
    """

    value: str | None = None
    time: str | None = None
    event: str | None = None

    def __post_init__(self) -> None:
        if (self.time is None) != (self.event is None):
            lacks, has = ("--event", "--time") if self.event is None else ("--time", "--event")
            raise SpecError(f"expected --time and --event together, got {has} without {lacks}")
        if self.value is not None and self.time is not None:
            raise SpecError("expected --value, or --time and --event, got all; a cohort has one")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are read."""
        return tuple(name for name in (self.value, self.time, self.event) if name)

    def instead_of(self, labels: Sequence[str], usual: str = "label") -> tuple[str, ...]:
        """The columns of classes that remain: none where there are numbers.

        Raises:
            SpecError: If both were asked for.
        """
        if self.names and tuple(labels) != (usual,):
            raise SpecError(
                f"expected --label, or --{'value' if self.value else 'time and --event'}, got "
                "both; a cohort has classes or numbers"
            )
        return () if self.names else tuple(labels)


NO_OUTCOME = OutcomeColumns()


@dataclass(frozen=True)
class Outcomes:
    """The numbers of ``N`` bags; used as `inklings.bags.answers.Answers`.

    Attributes:
        classes: The one name, that of the column.
        task: regression or survival.
        rows: Label of each bag; None where nothing is known.
        notes: What was passed over, in words.
    """

    classes: tuple[str, ...]
    task: str
    rows: tuple[ValueLabel | SurvivalLabel | None, ...]
    notes: tuple[str, ...] = ()

    def labels(self, index: int) -> tuple[ValueLabel | SurvivalLabel, ...]:
        """Of one bag, as its case holds them."""
        label = self.rows[index]
        return () if label is None else (label,)


def outcomes(columns: Mapping[str, Sequence[str]], at: At, asked: OutcomeColumns) -> Outcomes:
    """The numbers of a table, one cell a bag in each column.

    A bag without a number has no label; the notes say how many there are.

    Args:
        columns: Name to cells; those of ``asked`` at least.
        at: Words for the place of a cell, by its number and column.
        asked: Which they are.

    Raises:
        LabelError: If a cell is no number, a time negative, an event neither yes nor no, half of
            a time and event is missing, or nothing is labelled; the message names the row.
    """
    if asked.value is not None:
        name, values = asked.value, _numbers(asked.value, columns[asked.value], at)
        rows: list[ValueLabel | SurvivalLabel | None] = [
            None if value is None else ValueLabel(name, value) for value in values
        ]
        notes = _gaps(name, columns[name], rows)
        return Outcomes((name,), "regression", tuple(rows), notes)
    assert asked.time is not None
    assert asked.event is not None
    name, cells = asked.time, columns[asked.event]
    rows = []
    for i, time in enumerate(_numbers(name, columns[name], at)):
        event = _event(cells[i], at(i, asked.event))
        if (time is None) != (event is None):
            lacks = name if time is None else asked.event
            raise LabelError(
                f"{at(i, lacks)}: expected a time and an event, got only one of them; leave "
                "both empty "
                "where nothing is known"
            )
        if time is not None and time < 0:
            raise LabelError(f"{at(i, name)}: expected a time of 0 or more, got {time:g}")
        rows.append(None if time is None else SurvivalLabel(name, time, bool(event)))
    notes = _gaps(name, columns[name], rows)
    known = [row for row in rows if isinstance(row, SurvivalLabel)]
    if not any(row.event for row in known):
        raise LabelError(
            f"column {asked.event!r}: expected at least one event, got {len(known)} censored times"
        )
    return Outcomes((name,), "survival", tuple(rows), notes)


def _numbers(column: str, cells: Sequence[str], at: At) -> list[float | None]:
    decimal = decimal_of(cells)
    if decimal is None:
        first = next(i for i, cell in enumerate(cells) if "," in cell)
        raise LabelError(
            f"{at(first, column)}: expected numbers, got {cells[first]}, whose comma may be one of "
            "thousands or a decimal; write it without"
        )
    found: list[float | None] = []
    for i, cell in enumerate(cells):
        value = None if _is_gap(cell) else number(cell, decimal)
        if value is None and not _is_gap(cell):
            raise LabelError(f"{at(i, column)}: expected a number, got {cell!r}")
        found.append(value)
    return found


def _event(cell: str, where: str) -> bool | None:
    said = cell.strip().lower().removesuffix(".0")
    if _is_gap(cell):
        return None
    if said not in _EVENT | _CENSORED:
        raise LabelError(
            f"{where}: expected 1 or 0 (true or false, dead or alive) for an event, got {cell!r}"
        )
    return said in _EVENT


def _is_gap(cell: str) -> bool:
    return is_missing(cell) or cell.strip().lower() in UNSAID


def _gaps(column: str, cells: Sequence[str], rows: Sequence[object]) -> tuple[str, ...]:
    words = Counter(cell for cell, row in zip(cells, rows, strict=True) if row is None)
    if words.total() == len(rows):
        raise LabelError(f"expected numbers in {column!r}, got none in {len(rows)} rows")
    if not words:
        return ()
    told = ", ".join(map(repr, words))
    return (f"{column}: {words.total()} of {len(rows)} without a label ({told})",)
