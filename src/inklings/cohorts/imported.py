"""What the import of a cohort found, told again by the check: it is nowhere else in the cohort."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from inklings.cohorts.fingerprint import CheckFinding

FILE = "import_findings.json"
_LEFT_OUT = "left out"


def imported(folder: Path, said: Collection[tuple[str, str]] = ()) -> list[CheckFinding]:
    """The findings beside a cohort; none where it was not made by an import.

    A report that cannot be read is a finding of its own.

    Args:
        folder: Of the cohort.
        said: Case and kind of what the check found by itself, and need not say twice.
    """
    try:
        rows = json.loads((folder / FILE).read_text(encoding="utf-8"))["findings"]
        return [
            CheckFinding(
                str(row["case"]),
                str(row["kind"]),
                "warning" if row["consequence"] == _LEFT_OUT else "note",
                f"{row['detail']}{_counted(row)}; by the import: {row['consequence']}",
            )
            for row in rows
            if (row["case"], row["kind"]) not in said
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        reason = f"{folder / FILE} is damaged: what the import dropped or guessed is not known"
        return [CheckFinding("", "damaged report", "warning", f"{reason}; run the import again")]


def _counted(row: dict[str, object]) -> str:
    return f" ({row['count']} in all)" if row.get("count", 1) != 1 else ""
