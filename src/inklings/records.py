"""Records of our own files, checked as they are read: what is no such record is damaged."""

from __future__ import annotations

import csv
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from inklings.errors import DataError, InklingsError
from inklings.files import read_text, read_yaml

T = TypeVar("T")


def read_record(
    kind: type[T],
    path: Path,
    what: str,
    repair: str,
    now: Callable[[dict[str, Any]], Any] | None = None,
) -> T:
    """One record from a YAML or JSON file.

    Args:
        kind: A dataclass, or any other type that annotations can say.
        path: The file.
        what: What was expected there.
        repair: What to do where the file is damaged.
        now: Brings keys and values that an earlier version wrote up to date.

    Raises:
        DataError: If it is missing, does not parse, or holds something else.
    """
    value = read_yaml(path, what)
    return as_record(kind, now(value) if now and isinstance(value, dict) else value, path, repair)


def as_record(kind: type[T], value: Any, path: Path, repair: str) -> T:
    """The same for what was read already, and perhaps brought up to date."""
    try:
        checked: T = _adapter(kind).validate_python(value)  # type: ignore[arg-type]
        return checked
    except InklingsError as error:  # of the record itself, which knows no file
        raise DataError(f"{path} is damaged ({error}); {repair}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = " ".join(str(first["msg"]).split()).lower()
        said = f"{where}: {reason}" if where else reason
        raise DataError(f"{path} is damaged ({said[:200]}); {repair}") from None


def read_numbers(path: Path, what: str, repair: str) -> list[dict[str, float]]:
    """Rows of a CSV file of numbers that a program wrote; empty cells are left out.

    Raises:
        DataError: If it is missing, or a cell is no number.
    """
    rows = csv.DictReader(read_text(path, what).splitlines())
    try:
        return [{name: float(cell) for name, cell in row.items() if cell} for row in rows]
    except (ValueError, TypeError, csv.Error) as error:
        raise DataError(f"{path} is damaged ({error}); {repair}") from None


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
