"""A table that was read: cells by column, and where each stands in the file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inklings.errors import DataError
from inklings.tables.cells import decimal_of, is_missing, number

_PLAIN = frozenset("0123456789+-.eE")


@dataclass(frozen=True)
class Table:
    """Cells as text, by column.

    Attributes:
        path: The file.
        columns: Name to its cells, ``N`` each, without blanks around them.
        rows: ``(N,)`` number of each row in the file; the header of most files is row 1.
        notes: What was dropped or guessed, in words.
    """

    path: Path
    columns: Mapping[str, Sequence[str]]
    rows: Sequence[int]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in their order."""
        return tuple(self.columns)

    def at(self, index: int, column: str | None = None) -> str:
        """Words for a place: file, row and column."""
        place = f"{self.path}, row {self.rows[index]}"
        return place if column is None else f"{place}, column {column!r}"

    def require(self, wanted: Sequence[str], hint: str = "", filled: bool = True) -> None:
        """Check that columns are there, and (unless none is an answer too) that there are rows.

        Raises:
            DataError: If one is missing; the message lists those that there are.
        """
        missing = [name for name in wanted if name not in self.columns]
        if missing:
            near = {name.lower(): name for name in self.columns}
            alike = near.get(missing[0].lower())
            close = difflib.get_close_matches(missing[0], list(self.columns), n=1)
            meant = alike or (close[0] if close else None)
            raise DataError(
                f"{self.path}: expected columns {', '.join(wanted)}, got "
                f"{', '.join(map(_quoted, self.names[:12])) or 'none'}"
                f"{', ...' if len(self.names) > 12 else ''}"
                + (f"; did you mean {meant!r} by {missing[0]!r}?" if meant else "")
                + (f"; {hint}" if hint else "")
            )
        if filled and not len(self):
            raise DataError(f"{self.path}: expected rows below the names of the columns, got none")

    def said(self, column: str) -> list[str]:
        """Cells of a column; empty where they hold nothing (``NA``, ``NaN``, ``-``, ...)."""
        return ["" if is_missing(cell) else cell for cell in self.columns[column]]

    def stated(self, column: str) -> list[str]:
        """Cells of a column, each of which holds something.

        Raises:
            DataError: If one does not; the message says which.
        """
        said = self.said(column)
        for i, cell in enumerate(said):
            if not cell:
                raise DataError(
                    f"{self.at(i, column)}: expected something, got "
                    f"{self.columns[column][i]!r}; fill it in or remove the row"
                )
        return said

    def records(self) -> list[dict[str, str]]:
        """Rows by column; empty where a cell holds nothing."""
        said = [self.said(name) for name in self.columns]
        return [dict(zip(self.columns, cells, strict=True)) for cells in zip(*said, strict=True)]

    def numbers(self, columns: Sequence[str], hint: str = "") -> NDArray[np.float64]:
        """Cells of columns as numbers, ``(N, len(columns))``, all finite.

        Raises:
            DataError: If a cell is none; the message says which, and what stands in it.
        """
        decimal = self.decimal(columns)
        found = np.empty((len(self), len(columns)))
        for k, column in enumerate(columns):
            found[:, k] = self._column(column, decimal, hint)
        return found

    def decimal(self, columns: Sequence[str]) -> str:
        """How numbers in these columns are written: ``.`` or ``,``.

        Raises:
            DataError: If commas may mean thousands as well.
        """
        commas = [c for name in columns for c in self.columns[name] if "," in c]
        found = decimal_of(commas)
        if found is None:
            column = next(n for n in columns if any("," in c for c in self.columns[n]))
            index = next(i for i, c in enumerate(self.columns[column]) if "," in c)
            raise DataError(
                f"{self.at(index, column)}: expected a number, got "
                f"{self.columns[column][index]!r}, which is a thousand or a fraction; write "
                "numbers without separators of thousands"
            )
        return found

    def _column(self, column: str, decimal: str, hint: str) -> NDArray[np.float64]:
        cells = self.columns[column]
        if set().union(*cells) <= _PLAIN and all(cells):
            try:
                values = np.array(cells, dtype=np.str_).astype(np.float64)
            except ValueError:
                pass
            else:
                if np.isfinite(values).all():
                    return values
        numbers = [number(cell, decimal) for cell in cells]
        for i, value in enumerate(numbers):
            if value is None or not np.isfinite(value):
                raise DataError(
                    f"{self.at(i, column)}: expected a finite number"
                    f"{' with a decimal comma' if decimal == ',' else ''}, got {cells[i]!r}"
                    + (f"; {hint}" if hint else "")
                )
        return np.array(numbers, np.float64)


def _quoted(name: str) -> str:
    return name if name.isidentifier() else repr(name)
