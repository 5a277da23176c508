"""Tables in parquet: every cell as the text that a table of text would have."""

from __future__ import annotations

import datetime
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from inklings.errors import DataError
from inklings.tables.table import Table


def is_parquet(data: bytes) -> bool:
    """Whether bytes are those of a parquet file."""
    return data.startswith(b"PAR1")


def read_parquet(path: Path, data: bytes) -> Table:
    """A table of single values.

    Raises:
        DataError: If it is damaged, or a column holds lists or structures.
    """
    try:
        found = pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: damaged parquet file ({reason})") from None
    names = found.column_names
    twice = [name for k, name in enumerate(names) if name in names[:k]]
    if twice:
        raise DataError(f"{path}: expected each column once, got {twice[0]!r} twice")
    columns = {}
    for name in names:
        column = found.column(name)
        if pa.types.is_nested(column.type):
            raise DataError(f"{path}: expected single values in {name!r}, got {column.type}")
        columns[name] = [_text(value) for value in column.to_pylist()]
    return Table(path, columns, range(2, found.num_rows + 2))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    return str(value).strip()
