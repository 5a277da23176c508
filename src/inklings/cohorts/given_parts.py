"""A split that others published: a table of cases, or patients, and their part or fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from inklings.cohorts.case import Split
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.tables import read_table
from inklings.tables.parts import parts
from inklings.tables.table import Table

WHO = ("case", "patient")


def given_parts(cohort: Cohort, path: Path, fold: int | None) -> dict[str, Split]:
    """The part of every case, as a table says it.

    Args:
        cohort: Whose cases; rows of others are of no account.
        path: Columns ``case`` (the id) or ``patient``, and ``part`` or ``fold``.
        fold: Of a table of folds: which is test; the next one is val, the others are train.

    Raises:
        DataError: If a case has no part or two, or a fold does not exist.
        SpecError: If the table has folds and ``fold`` is None, or the other way round.
    """
    table = read_table(path)
    who = next((name for name in WHO if name in table.columns), WHO[0])
    what = "fold" if "fold" in table.columns and "part" not in table.columns else "part"
    table.require((who, what), hint="one row a case or patient")
    if (what == "fold") != (fold is not None):
        raise SpecError(
            f"{path}: expected --fold with a table of folds, and only with one, got a column "
            f"{what!r} and --fold {fold}"
        )
    said = parts(table, "part") if fold is None else _of_folds(table, fold)
    found: dict[str, Split] = {}
    for i, (name, part) in enumerate(zip(table.stated(who), said, strict=True)):
        if part is None:
            raise DataError(f"{table.at(i, what)}: expected train, val or test, got nothing")
        if found.setdefault(name, part) != part:
            raise DataError(f"{table.at(i, what)}: {who} {name} is in {found[name]} and in {part}")
    names = {case.id: case.id if who == "case" else case.patient for case in cohort}
    lost = [name for name in names.values() if name not in found]
    if lost:
        raise DataError(
            f"{path}: expected a row for every {who} of the cohort, got none for {len(lost)} of "
            f"{len(names)}, such as {lost[0]!r}; add it, or leave the case out by --exclude"
        )
    return {case: found[name] for case, name in names.items()}


def require_together(units: Sequence[Sequence[str]], given: Mapping[str, Split]) -> None:
    """Raise DataError where a table parts what belongs together: a patient, or copies."""
    for unit in units:
        first = unit[0]
        other = next((name for name in unit if given[name] != given[first]), None)
        if other is not None:
            raise DataError(
                f"the table puts {first} into {given[first]} and {other} into {given[other]}, but "
                "they are of one patient, or copies (inklings check); correct the table, or give "
                "--ignore-duplicates if they are only similar"
            )


def _of_folds(table: Table, fold: int) -> list[Split | None]:
    said = table.stated("fold")
    if not all(word.isdigit() for word in said):
        odd = next(i for i, word in enumerate(said) if not word.isdigit())
        raise DataError(f"{table.at(odd, 'fold')}: expected a whole number, got {said[odd]!r}")
    numbers = sorted({int(word) for word in said})
    if fold not in numbers or len(numbers) < 3:
        raise DataError(
            f"{table.path}: expected fold {fold} among three folds or more, got "
            f"{', '.join(map(str, numbers))}"
        )
    after = numbers[(numbers.index(fold) + 1) % len(numbers)]
    words: dict[int, Split] = {fold: "test", after: "val"}
    return [words.get(int(word), "train") for word in said]
