"""What the values of a column of labels say of bags: yes or no, one of several classes, grades.

A value that is missing leaves its bag without a label, and never becomes a class.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inklings.bags.grades import in_order
from inklings.bags.task import Task
from inklings.errors import DataError, LabelError
from inklings.labels.kinds import BagLabel
from inklings.tables.cells import NO, UNSAID, YES, is_missing, truth, whole

_FRACTION = re.compile(r"[+-]?\d*[.,]\d+([eE][+-]?\d+)?|[+-]?\d+(\.\d*)?[eE][+-]?\d+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
_MANY, _GRADES, _HIGHEST = 10, 6, 20  # more values, or larger ones, are measurements


@dataclass(frozen=True)
class Answers:
    """The labels of ``N`` bags.

    Attributes:
        classes: In the order of the grades where the task is ordinal.
        task: What is asked.
        present: ``N`` rows: for each class whether it is there; None where that is not said.
        notes: What was taken for what, in words.
    """

    classes: tuple[str, ...]
    task: Task
    present: tuple[tuple[bool | None, ...], ...]
    notes: tuple[str, ...] = ()

    def labels(self, index: int) -> tuple[BagLabel, ...]:
        """Of one bag, as its case holds them."""
        pairs = zip(self.classes, self.present[index], strict=True)
        return tuple(BagLabel(name, there) for name, there in pairs if there is not None)


@dataclass(frozen=True)
class Ranks:
    """Whether classes are grades, and which is above which.

    Attributes:
        ordered: In the order that their names tell.
        order: Or in this one, lowest first.
    """

    ordered: bool = False
    order: tuple[str, ...] = ()


def answers(
    columns: Mapping[str, Sequence[str]],
    at: Callable[[int, str], str],
    ranks: Ranks | None = None,
    name: str | None = None,
) -> Answers:
    """What columns of labels say, one cell a bag each.

    Columns of yes and no (0 and 1, true and false, ...) are a question each; one column of other
    values has one class for each value, and exactly one of them holds.

    Args:
        columns: Name to cells.
        at: Words for the place of a cell, by its number and column.
        ranks: Whether the classes are grades.
        name: Of the class, where one column is a question; by default that of the column.

    Raises:
        LabelError: If labels are fractions, measurements, or spelt in two ways.
        DataError: If several columns hold something else than yes and no.
    """
    ranks = ranks or Ranks()
    said = {column: _said(cells, ranks) for column, cells in columns.items()}
    notes = [n for column, cells in columns.items() for n in _gaps(column, cells, said[column])]
    for column, cells in said.items():
        _require_classes(column, cells, at, ranks)
    if not any(cell for cells in said.values() for cell in cells):
        raise LabelError(
            f"expected labels in {', '.join(map(repr, said))}, got none in "
            f"{len(next(iter(said.values())))} rows"
        )
    grades = ranks.ordered or bool(ranks.order)
    if not grades and all(_is_question(cells) for cells in said.values()):
        for column, cells in said.items():
            notes += _meant(column, cells)
        rows = zip(*([_yes(cell) for cell in cells] for cells in said.values()), strict=True)
        names = (name,) if name and len(said) == 1 else tuple(said)
        return Answers(names, "binary" if len(names) == 1 else "multilabel", tuple(rows), (*notes,))
    if len(said) > 1:
        column = next((c for c, cells in said.items() if not _is_question(cells)), next(iter(said)))
        odd = [i for i, cell in enumerate(said[column]) if cell and truth(cell) is None]
        odd += [i for i, cell in enumerate(said[column]) if cell]
        raise DataError(
            f"{at(odd[0], column)}: expected 0 or 1 (or yes and no) in each of several label "
            f"columns{', which are no grades' if grades else ''}, got {said[column][odd[0]]!r}"
        )
    column, cells = next(iter(said.items()))
    return _classes(column, cells, ranks, notes)


def _classes(column: str, cells: Sequence[str], ranks: Ranks, notes: list[str]) -> Answers:
    found = sorted(set(cells) - {""}, key=_natural)
    classes, task = tuple(found), "multiclass"
    if ranks.ordered or ranks.order:
        classes = in_order(found, tuple(map(whole, ranks.order)))
        notes.append(f"{column}: order {' < '.join(classes)}")
        task = "ordinal"
    if len(classes) == 1:
        task = "binary"
        notes.append(f"{column}: every label is {classes[0]!r}, so nothing tells it from others")
    present = tuple(tuple(cell == c if cell else None for c in classes) for cell in cells)
    return Answers(classes, task, present, tuple(notes))  # type: ignore[arg-type]


def _said(cells: Sequence[str], ranks: Ranks) -> list[str]:
    """Cells of labels; empty where they say nothing, ``1`` for ``1.0``."""
    kept = ["" if is_missing(cell) or cell.lower() in UNSAID else cell for cell in cells]
    if ranks.order or all(re.fullmatch(r"[+-]?\d+([.,]0*)?", cell) for cell in kept if cell):
        return [whole(cell) for cell in kept]
    return kept


def _gaps(column: str, cells: Sequence[str], said: Sequence[str]) -> list[str]:
    missing = Counter(cell for cell, kept in zip(cells, said, strict=True) if not kept)
    if not missing:
        return []
    words = ", ".join(repr(word) for word in missing)
    return [f"{column}: {missing.total()} of {len(cells)} without a label ({words})"]


def _require_classes(
    column: str, cells: Sequence[str], at: Callable[[int, str], str], ranks: Ranks
) -> None:
    """Refuse what is no class: fractions, measurements, two spellings of one."""
    if not ranks.order:
        _require_whole(column, cells, at)
    spelt: dict[str, int] = {}
    for i, cell in enumerate(cells):
        if cell:
            first = spelt.setdefault(" ".join(cell.lower().replace("_", " ").split()), i)
            if cells[first] != cell:
                raise LabelError(
                    f"{at(i, column)}: expected one spelling of each class, got {cell!r} and, "
                    f"elsewhere, {cells[first]!r}"
                )
    if not ranks.order:
        _require_few(column, cells, at, ranks.ordered)


def _require_few(
    column: str, cells: Sequence[str], at: Callable[[int, str], str], ordered: bool
) -> None:
    """Refuse a column in which nearly every bag has a value of its own: it holds no classes."""
    values = set(cells) - {""}
    labelled = sum(bool(cell) for cell in cells)
    numbers = [int(value) for value in values if re.fullmatch(r"[+-]?\d+", value)]
    measured = len(numbers) == len(values) > 2 and (
        max(numbers) > _HIGHEST or len(values) > _GRADES
    )
    own = not ordered and len(values) == labelled > 4
    if 2 * len(values) > labelled and (measured or own or len(values) > _MANY):
        first = next(i for i, cell in enumerate(cells) if cell)
        raise LabelError(
            f"{at(first, column)}: expected a few classes, got {len(values)} different values in "
            f"{labelled} rows ({', '.join(sorted(values, key=_natural)[:3])}, ...); is it the "
            "column of labels? Cut measurements into classes first"
        )


def _require_whole(column: str, cells: Sequence[str], at: Callable[[int, str], str]) -> None:
    broken = [i for i, cell in enumerate(cells) if _FRACTION.fullmatch(cell)]
    if broken:
        first = next((i for i in broken if whole(cells[i]) == cells[i]), broken[0])
        raise LabelError(
            f"{at(first, column)}: expected classes, got {cells[first]}; a soft or continuous "
            "label is none: cut it into classes first"
        )
    dated = [i for i, cell in enumerate(cells) if _DATE.fullmatch(cell)]
    if dated:
        raise LabelError(
            f"{at(dated[0], column)}: expected classes, got the date {cells[dated[0]]}"
        )
    values = set(cells) - {""}
    if "-1" in values and {"0", "1"} & values and values != {"-1", "1"}:
        raise LabelError(
            f"{at(list(cells).index('-1'), column)}: expected classes, got -1 beside "
            f"{', '.join(sorted(values - {'-1'})[:3])}; leave cells empty where nothing is known"
        )


def _is_question(cells: Sequence[str]) -> bool:
    said = {cell.lower() for cell in cells if cell}
    return said <= {"-1", "1"} or said <= (YES | NO) - {"+"}


def _yes(cell: str) -> bool | None:
    if not cell:
        return None
    return False if cell == "-1" else truth(cell)


def _meant(column: str, cells: Sequence[str]) -> list[str]:
    """What words were taken for, unless they are 0 and 1."""
    words = {cell: _yes(cell) for cell in cells if cell}
    if set(words) <= {"0", "1"}:
        return []
    sides = (sorted(w for w, there in words.items() if there is side) for side in (True, False))
    told = [
        f"{', '.join(w)} as {what}"
        for w, what in zip(sides, ("present", "absent"), strict=True)
        if w
    ]
    return [f"{column}: {' and '.join(told)}"]


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Numbers in a name by value: grade 10 after grade 9."""
    parts = re.split(r"(\d+)", name)
    return tuple((int(p), "") if p.isdigit() else (-1, p) for p in parts)
