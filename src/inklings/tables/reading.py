"""From a file to a table: what spreadsheets, pandas and R add to the rows is taken off again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from inklings.errors import DataError
from inklings.tables.bytes import content, decoded
from inklings.tables.layout import Numbered, TableLayout, below, layout_of, rows_of
from inklings.tables.parquet import is_parquet, read_parquet
from inklings.tables.table import Table

_UNNAMED = re.compile(
    r"|Unnamed: ?\d+([._]\d+)*(_level_\d+)?|__index_level_\d+__|\.\.\.1|level_0|index"
)


def read_table(path: Path, keep: Sequence[str] = ()) -> Table:
    """Read a table of text (comma, semicolon, tab or bar; plain, gzip or zip) or parquet.

    Args:
        path: The file.
        keep: Columns that are wanted by name and no index, whatever they look like.

    Raises:
        DataError: If it is no table; the message names the row and the column.
    """
    data = content(path)
    if is_parquet(data):
        return without_index(read_parquet(path, data), keep)
    text, notes = decoded(path, data)
    layout = layout_of(path, text)
    rows = list(rows_of(path, below(text, layout.skipped), layout.separator, layout.skipped))
    header, rows = _squared(path, layout, rows)
    columns = {name: [cells[k].strip() for _, cells in rows] for k, name in enumerate(header)}
    table = Table(path, columns, [row for row, _ in rows], (*notes, *layout.notes))
    return without_index(table, keep)


def without_index(table: Table, keep: Sequence[str] = ()) -> Table:
    """Without a first column that only counts the rows, and without empty ones of no name.

    Raises:
        DataError: If a column without a name holds something else.
    """
    columns, notes = dict(table.columns), list(table.notes)
    for place, (name, cells) in enumerate(table.columns.items()):
        if name in keep or not cells or not _UNNAMED.fullmatch(name):
            continue
        if counts_rows(cells):
            del columns[name]
            what = f"column {name!r}" if name else "a column without a name"
            notes.append(f"{what} counts the rows ({cells[0]}, {cells[-1]}): left out")
        elif not name or name.startswith("Unnamed"):
            raise DataError(
                f"{table.path}: expected a name for every column, got none for column {place + 1} "
                f"({name!r}, which holds {cells[0] if cells else ''!r}); name it or take it out"
            )
    return Table(table.path, columns, table.rows, tuple(notes))


def counts_rows(cells: Sequence[str]) -> bool:
    """Whether cells are whole numbers, none of them twice, as an index has them."""
    if not cells or not all(cell.isascii() and cell.isdigit() for cell in cells):
        return False
    return len({int(cell) for cell in cells}) == len(cells)


def _squared(
    path: Path, layout: TableLayout, rows: list[Numbered]
) -> tuple[list[str], list[Numbered]]:
    """Header and rows of one length."""
    header = [name.strip().strip("\ufeff") for name in layout.header]
    if rows and layout.separator != "," and _has_row_names(rows, len(header)):
        header = ["", *header]
    squared = []
    for row, cells in rows:
        extra = any(cell.strip() for cell in cells[len(header) :])
        if extra or len(cells) < len(header):
            raise DataError(
                f"{path}, row {row}: expected {len(header)} cells ({', '.join(header[:4])}"
                f"{', ...' if len(header) > 4 else ''}), got {len(cells)}"
                + (f", the last {cells[-1]!r}" if extra else "")
            )
        squared.append((row, cells[: len(header)]))
    used = [k for k, name in enumerate(header) if name or any(c[k].strip() for _, c in squared)]
    if len(used) < len(header):
        header = [header[k] for k in used]
        squared = [(row, [cells[k] for k in used]) for row, cells in squared]
    twice = [name for k, name in enumerate(header) if name in header[:k]]
    if twice:
        places = [str(k + 1) for k, name in enumerate(header) if name == twice[0]]
        raise DataError(
            f"{path}: expected each column once, got {twice[0]!r} as columns {' and '.join(places)}"
        )
    return header, squared


def _has_row_names(rows: list[Numbered], columns: int) -> bool:
    """Whether rows begin with 1, 2, ... that the header lacks, as R's write.table writes them."""
    return all(
        len(cells) == columns + 1 and cells[0].strip() == str(i)
        for i, (_, cells) in enumerate(rows, 1)
    )
