"""What an import found is told by the check too, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inklings.cohorts.imported import FILE, imported


def write(folder: Path, *rows: dict[str, object]) -> None:
    (folder / FILE).write_text(json.dumps({"findings": rows}), encoding="utf-8")


def test_findings_of_the_import_are_told_with_count_and_consequence(tmp_path: Path) -> None:
    row = {"kind": "overlap", "consequence": "smaller wins", "detail": "a and b", "count": 149}
    write(tmp_path, {"case": "p", **row}, {"case": "q", **row, "consequence": "left out"})
    kept, lost = imported(tmp_path)
    assert (kept.case, kept.kind, kept.severity) == ("p", "overlap", "note")
    assert kept.reason == "a and b (149 in all); by the import: smaller wins"
    assert (lost.case, lost.severity) == ("q", "warning")
    assert [one.case for one in imported(tmp_path, {("p", "overlap")})] == ["q"]


def test_a_cohort_without_an_import_has_none(tmp_path: Path) -> None:
    assert imported(tmp_path) == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"findings": [3]}', '{"findings": 7}', "[" * 10**5]
)
def test_a_damaged_report_is_told_and_never_taken_as_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    (one,) = imported(tmp_path)
    assert (one.kind, one.severity) == ("damaged report", "warning")
    assert FILE in one.reason
