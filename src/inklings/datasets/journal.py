"""Which cases an import has finished: one line each, appended when its files are in place.

The first line says what is imported; a later line about the same case replaces the earlier one.
A line that was cut short by a killed process is dropped, and its case converted again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from inklings.errors import DataError
from inklings.files import parse_json
from inklings.records import as_record
from inklings.system import hold

NAME = "import.jsonl"
_AGAIN = "delete the folder and import again"
FORMAT = 3


class Journal:
    """The journal of one cohort folder, locked while it is open.

    Raises:
        DataError: If the folder holds something else, another import, or is in use.
    """

    def __init__(self, folder: Path, head: Mapping[str, Any]) -> None:
        self.path = folder / NAME
        self.records: dict[str, dict[str, Any]] = {}
        self.complete: str | None = None
        self.words: tuple[str, ...] = ()
        if folder.exists() and not self.path.exists() and any(folder.iterdir()):
            raise DataError(
                f"{folder} is not empty and was not made by 'inklings import' (or by one of "
                "before version 0.2); give --out a new folder"
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+b")
        try:
            self._lock()
            self._load({"format": FORMAT, **head})
        except BaseException:
            self._file.close()
            raise

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one finished case (``id``, ``stamp`` and what was made of it)."""
        self.records[record["id"]] = dict(record)
        self.complete = None
        self._write(record)

    def close_books(self, source: str, words: Iterable[str] = ()) -> None:
        """Note that everything in the source of this description is done, and what it told."""
        self.complete, self.words = source, tuple(words)
        self._write({"complete": source, "words": list(self.words)})

    @property
    def broken(self) -> set[str]:
        """Cases that were left out."""
        return {name for name, record in self.records.items() if "case" not in record}

    def forget(self, names: Iterable[str]) -> None:
        """Drop cases that are no longer in the source."""
        for name in sorted(names):
            del self.records[name]
            self.complete = None
            self._write({"gone": name})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if (
            error[0] is not None
            and not self.records
            and list(self.path.parent.iterdir()) == [self.path]
        ):
            self.path.unlink()  # nothing came of it: leave no folder behind
            self.path.parent.rmdir()
        self._file.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        self._file.flush()

    def _lock(self) -> None:
        try:
            hold(self._file, wait=False)
        except OSError:
            raise DataError(
                f"another import is writing into {self.path.parent}; wait for it to end"
            ) from None

    def _load(self, head: Mapping[str, Any]) -> None:
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        torn = len(lines.pop())
        if torn:
            self._file.truncate(self.path.stat().st_size - torn)
        if not lines:
            self._write(head)
            return
        try:
            first, *others = (_line(parse_json(line), self.path) for line in lines)
        except ValueError as error:
            raise DataError(f"{self.path} is damaged ({error}); {_AGAIN}") from None
        if not others and first != head:
            self._file.truncate(0)
            self._write(head)
            return
        if first.get("format") != FORMAT:
            raise DataError(
                f"{self.path.parent} was begun by another version of inklings; give --out a new "
                "folder, or delete that one"
            )
        for key, mine in head.items():
            if not _agree(first.get(key), mine):
                raise DataError(
                    f"{self.path.parent} holds another import ({key} {first.get(key)!r}, "
                    f"not {mine!r}); give --out a new folder, or delete that one"
                )
        for record in others:
            if "complete" in record:
                self.complete = record["complete"]
                self.words = tuple(record.get("words", ()))
                continue
            self.complete = None
            if "gone" in record:
                self.records.pop(record["gone"], None)
            else:
                self.records[record["id"]] = record


@dataclass(frozen=True)
class _Done:
    """What is said of a case that is finished."""

    id: str
    stamp: str = ""
    findings: list[tuple[str, str, int, str]] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    case: dict[str, str | None] | None = None


def _agree(before: Any, now: Any) -> bool:
    """Whether an import is the same: an option that it did not know counts as not given."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return bool(before == now)
    return all(
        before[key] == now[key] if key in before and key in now else not (before | now)[key]
        for key in before | now
    )


def _line(record: Any, path: Path) -> dict[str, Any]:
    """A line as it was written.

    Raises:
        DataError: If it is none of those that are written.
    """
    said: dict[str, Any] = as_record(dict[str, Any], record, path, _AGAIN)
    if "id" in said:
        as_record(_Done, said, path, _AGAIN)
    elif not {"format", "complete", "gone"} & set(said):
        raise DataError(f"{path} is damaged (a line without an id); {_AGAIN}")
    return said
