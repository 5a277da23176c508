"""How the text of a table is laid out: separator, where the header stands, rows of cells."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from inklings.errors import DataError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LOOKED_AT = 200
_NUMBER = re.compile(r"\s*[+-]?\d[\d.,]*([eE][+-]?\d+)?\s*")

Numbered = tuple[int, list[str]]
"""A row as it stands in the file (1 is the first line), and its cells."""


@dataclass(frozen=True)
class TableLayout:
    """Where the rows of a table begin and what parts their cells.

    Attributes:
        separator: One of `SEPARATORS`.
        skipped: Lines before the header: comments, blank ones, ``sep=;``.
        header: Names of the columns, as they stand there.
        notes: What was skipped.
    """

    separator: str
    skipped: int
    header: tuple[str, ...]
    notes: tuple[str, ...] = ()


def layout_of(path: Path, text: str) -> TableLayout:
    """Find the separator with which header and first rows agree.

    Raises:
        DataError: If there is no header, or two separators fit it equally well.
    """
    lines = text.splitlines()
    first, declared, comments = _beginning(lines)
    if first == len(lines):
        raise DataError(f"{path}: expected names of columns and rows below them, got no text")
    rest = "\n".join(lines[first : first + 2 * _LOOKED_AT])
    separator = declared or _separator(path, rest, whole=len(lines) <= first + 2 * _LOOKED_AT)
    header = next(rows_of(path, rest, separator, first))[1]
    notes = [f"rows {comments[0] + 1} to {comments[-1] + 1} are comments"] if comments else []
    if comments and comments[-1] == first - 1:
        above = next(csv.reader([lines[first - 1].lstrip("#").strip()], delimiter=separator), [])
        named = len(above) == len(header) and not any(map(_NUMBER.fullmatch, above))
        if named and any(map(_NUMBER.fullmatch, header)):  # as numpy.savetxt writes its header
            return TableLayout(separator, first, tuple(above), ())
    return TableLayout(separator, first + 1, tuple(header), tuple(notes))


def rows_of(path: Path, text: str, separator: str, skipped: int = 0) -> Iterator[Numbered]:
    """Rows with cells, each with its number; blank lines are no rows.

    Raises:
        DataError: If quotes do not close, naming the row where they open.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        row = reader.line_num + 1 + skipped
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{path}, row {row}: expected quotes around a whole cell, got: {error}"
            ) from None
        if any(cell.strip() for cell in cells):
            yield row, cells


def below(text: str, count: int) -> str:
    """``text`` without its first ``count`` lines."""
    file = io.StringIO(text, newline=None)
    for _ in islice(file, count):
        pass
    return file.read()


def _beginning(lines: Sequence[str]) -> tuple[int, str | None, list[int]]:
    """Number of the line of the header, a declared separator, numbers of comment lines."""
    declared, comments, number = None, [], 0
    for number, line in enumerate(lines):
        said = line.strip().strip('"')
        if found := re.fullmatch(r"sep=(.)", said if said != "sep=" else line.strip("\r\n")):
            declared = found[1]
        elif said.startswith("#"):
            comments.append(number)
        elif said.strip(",;|\t "):
            return number, declared, comments
    return len(lines), declared, comments


def _separator(path: Path, text: str, whole: bool) -> str:
    """The separator of most columns for which every row has as many cells as the header."""
    fits: dict[str, int] = {}
    header: dict[str, int] = {}
    for separator in SEPARATORS:
        try:
            rows = list(islice(rows_of(path, text, separator), _LOOKED_AT))
        except DataError:
            if whole and text.splitlines()[0].count(separator):
                header[separator] = text.splitlines()[0].count(separator)
            continue
        sizes = [len(_filled(cells)) for _, cells in rows]
        header[separator] = len(rows[0][1]) if rows else 0
        most = len(rows[0][1]) if rows else 0
        if most > 1 and all(size <= most for size in sizes) and _even(rows, most):
            fits[separator] = most
    if not fits:
        return max(header, key=lambda s: header[s], default=",")
    best = max(fits.values())
    tied = [separator for separator, count in fits.items() if count == best]
    if len(tied) > 1:
        names = " and ".join(SEPARATORS[separator] for separator in tied)
        raise DataError(
            f"{path}: expected one separator, got rows that {names} part alike; quote the cells, "
            "or save the table again with one of them"
        )
    return tied[0]


def _even(rows: Sequence[Numbered], most: int) -> bool:
    """Whether most rows are as long as the header: a single ragged row is told later, by number."""
    return sum(len(cells) >= most for _, cells in rows) > len(rows) / 2


def _filled(cells: Sequence[str]) -> Sequence[str]:
    """Cells up to the last one that holds something."""
    last = max((i for i, cell in enumerate(cells) if cell.strip()), default=-1)
    return cells[: last + 1]
