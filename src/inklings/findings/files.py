"""Findings as files: ``findings/<case>.json`` for programs, ``findings.csv`` for tables.

The CSV has the columns of a LUNA16 submission first (``seriesuid, coordX, coordY, coordZ,
probability``), so that other evaluators read it too.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from inklings.errors import DataError
from inklings.files import write_json, write_text
from inklings.findings.finding import Finding, Findings

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
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        found = tuple(_finding(one) for one in record["findings"])
        return Findings(record["case"], found, record["frame"], record["funnel"], record["facts"])
    except FileNotFoundError:
        raise DataError(f"expected findings at {path}, but there is no such file") from None
    except (KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path}: expected findings as 'inklings nodules' writes them, got {reason}"
        ) from None


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


def _finding(record: Mapping[str, Any]) -> Finding:
    x, y, z = record["centre_mm"]
    return Finding(**{**record, "centre_mm": (float(x), float(y), float(z))})
