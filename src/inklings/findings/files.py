"""Findings as files: ``findings/<case>.json`` for programs, ``findings.csv`` for tables.

The CSV has the columns of a LUNA16 submission first (``seriesuid, coordX, coordY, coordZ,
probability``), so that other evaluators read it too.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from inklings.errors import DataError
from inklings.files import read_yaml, write_json, write_text
from inklings.findings.finding import Finding, Findings
from inklings.records import as_record

FOLDER = "findings"
TABLE = "findings.csv"
COLUMNS = (
    "seriesuid", "coordX", "coordY", "coordZ", "probability",
    "diameter_mm", "volume_mm3", "malignancy", "side", "zone", "picture",
)  # fmt: skip
_SCHEMA = 1


def write(findings: Findings, folder: Path) -> Path:
    """Write ``folder/findings/<case>.json``; returns the file."""
    path = folder / FOLDER / f"{findings.case}.json"
    record = {
        "schema": _SCHEMA,
        "case": findings.case,
        "frame": findings.frame,
        "funnel": dict(findings.funnel),
        "facts": dict(findings.facts),
        "findings": [_plain(finding) for finding in findings],
    }
    write_json(path, record)
    return path


def read(path: Path) -> Findings:
    """Read one file that `write` wrote.

    Raises:
        DataError: If it is missing or damaged.
    """
    what = "findings as 'inklings nodules' writes them"
    value = read_yaml(path, what)
    if isinstance(value, dict) and "findings" in value:
        value["found"] = value.pop("findings")
    found = as_record(Findings, value, path, "find them again")
    for one in found:
        numbers = (*one.centre_mm, one.diameter_mm, one.nodule, one.malignancy, one.volume_mm3)
        if not all(math.isfinite(n) for n in numbers if n is not None):
            raise DataError(f"{path}: expected {what}, got values that are no numbers")
    return found


def read_all(folder: Path) -> list[Findings]:
    """Everything under ``folder/findings``, in order of the names.

    Raises:
        DataError: If there is nothing.
    """
    paths = sorted((folder / FOLDER).glob("*.json"))
    if not paths:
        raise DataError(f"expected findings/<case>.json under {folder}, got none")
    return [read(path) for path in paths]


def write_table(every: Iterable[Findings], path: Path) -> Path:
    """One row a finding of many scans, also a LUNA16 submission; returns ``path``."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for findings in every:
        writer.writerows(_row(findings.case, finding) for finding in findings)
    write_text(path, text.getvalue())
    return path


def _row(case: str, finding: Finding) -> dict[str, Any]:
    x, y, z = (round(v, 3) for v in finding.centre_mm)
    return {
        "seriesuid": case, "coordX": x, "coordY": y, "coordZ": z,
        "probability": f"{finding.nodule:.6g}", "diameter_mm": round(finding.diameter_mm, 2),
        "volume_mm3": None if finding.volume_mm3 is None else round(finding.volume_mm3, 1),
        "malignancy": None if finding.malignancy is None else f"{finding.malignancy:.6g}",
        "side": finding.side, "zone": finding.zone, "picture": finding.picture,
    }  # fmt: skip


def _plain(finding: Finding) -> dict[str, Any]:
    values = {f.name: getattr(finding, f.name) for f in dataclasses.fields(finding)}
    return values | {"centre_mm": list(finding.centre_mm), "scores": dict(finding.scores)}
