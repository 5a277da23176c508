"""Which cases an import has finished: one line each, appended when its files are in place.

The first line says what is imported; a later line about the same case replaces the earlier one.
A line that was cut short by a killed process is dropped, and its case converted again.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from inklings.errors import DataError

NAME = "import.jsonl"
FORMAT = 2


class Journal:
    """The journal of one cohort folder, locked while it is open.

    Raises:
        DataError: If the folder holds something else, another import, or is in use.
    """

    def __init__(self, folder: Path, head: Mapping[str, Any]) -> None:
        self.path = folder / NAME
        self.records: dict[str, dict[str, Any]] = {}
        self.complete: str | None = None
        if folder.exists() and not self.path.exists() and any(folder.iterdir()):
            raise DataError(
                f"{folder} is not empty and was not made by 'inklings import'; "
                "give --out a new folder"
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

    def close_books(self, source: str) -> None:
        """Note that everything in the source of this description is done."""
        self.complete = source
        self._write({"complete": source})

    def forget_broken(self, without: set[str]) -> None:
        """Drop cases that were left out and are no longer in the source."""
        for name in [n for n, r in self.records.items() if "image" not in r and n not in without]:
            del self.records[name]
            self.complete = None
            self._write({"gone": name})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if (
            kind is not None
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
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
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
            first, *others = (json.loads(line) for line in lines)
        except ValueError:
            raise DataError(f"{self.path} is damaged; delete the folder and import again") from None
        if not others and first != head:
            self._file.truncate(0)
            self._write(head)
            return
        for key, mine in head.items():
            if first.get(key) != mine:
                raise DataError(
                    f"{self.path.parent} holds another import ({key} {first.get(key)!r}, "
                    f"not {mine!r}); give --out a new folder, or delete that one"
                )
        for record in others:
            if "complete" in record:
                self.complete = record["complete"]
                continue
            self.complete = None
            if "gone" in record:
                self.records.pop(record["gone"], None)
            else:
                self.records[record["id"]] = record
