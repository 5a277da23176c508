"""Places found in a scan: ``findings/<id>.json`` for programs, ``findings.csv`` for tables.

The CSV has the columns of a LUNA16 submission first (``seriesuid, coordX, coordY, coordZ,
probability``), so that other evaluators read it too.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inklings.errors import DataError
from inklings.files import read_yaml, write_json, write_text
from inklings.findings.finding import Finding
from inklings.predictions.head import Head, Provenance
from inklings.records import as_record, read_record

FOLDER = "findings"
TABLE = "findings.csv"
COLUMNS = (
    "seriesuid", "coordX", "coordY", "coordZ", "probability",
    "diameter_mm", "volume_mm3", "malignancy", "side", "zone", "picture",
)  # fmt: skip
_SCHEMA = 1


@dataclass(frozen=True)
class Findings:
    """All findings of one scan, most probable first.

    Attributes:
        case: Id of the case.
        found: In order of `Finding.nodule`, the largest first.
        frame: Physical space of the centres (`Geometry.frame`).
        funnel: What each stage left, in order: ``{"voxels": 9_000_000, "candidates": 120, ...}``.
        facts: What made them: run, thresholds, seconds, warnings.
    """

    case: str
    found: tuple[Finding, ...]
    frame: str = ""
    funnel: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ordered = sorted(self.found, key=lambda finding: -finding.nodule)
        object.__setattr__(self, "found", tuple(ordered))

    def __len__(self) -> int:
        return len(self.found)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)

    @property
    def image(self) -> Path:
        """The file that was read.

        Raises:
            DataError: If the findings do not say it.
        """
        if not (path := self.facts.get("image")):
            raise DataError(
                f"case {self.case}: its findings do not say which image they are of; give the "
                "--cohort"
            )
        return Path(str(path))

    def write(self, folder: Path) -> Path:
        """Write ``findings/<case>.json``; returns the file."""
        path = file_of(folder, self.case)
        record = {
            "schema": _SCHEMA,
            "case": self.case,
            "frame": self.frame,
            "funnel": dict(self.funnel),
            "facts": dict(self.facts),
            "findings": [_plain(finding) for finding in self],
        }
        write_json(path, record)
        return path

    @classmethod
    def read(cls, folder: Path, case: str) -> Findings:
        """Read the findings of one case.

        Raises:
            DataError: If there are none or they are damaged.
        """
        path = file_of(folder, case)
        what = "findings as 'inklings predict' writes them"
        value = read_yaml(path, what)
        if isinstance(value, dict) and "findings" in value:
            value["found"] = value.pop("findings")
        found = as_record(cls, value, path, "find them again")
        for one in found:
            numbers = (*one.centre_mm, one.diameter_mm, one.nodule, one.malignancy, one.volume_mm3)
            if not all(math.isfinite(n) for n in numbers if n is not None):
                raise DataError(f"{path}: expected {what}, got values that are no numbers")
        return found


def file_of(folder: Path, case: str) -> Path:
    """Where the findings of a case lie."""
    return folder / FOLDER / f"{case}.json"


def cases_in(folder: Path) -> Iterator[str]:
    """Ids of the cases whose findings lie in ``folder``."""
    return (path.stem for path in (folder / FOLDER).glob("[!.]*.json"))


def parts_in(folder: Path) -> Iterator[Path]:
    """Files that are being written, or that a killed process left."""
    return (folder / FOLDER).glob(".*.part.json")


def head_of_0_1(folder: Path) -> Head:
    """The head of findings of 0.1.0, which wrote none: what their facts say.

    Whom the stages were trained on is read from their runs, and nobody knows it where one is gone.
    """
    case = min(cases_in(folder))
    facts = Findings.read(folder, case).facts
    stages = {str(k): Path(str(v)) for k, v in dict(facts.get("stages") or {}).items()}
    records = [_run_record(stage) for stage in stages.values()]
    known = bool(records) and all("trained_on" in record for record in records)
    patients = {str(p) for record in records for p in record.get("trained_on", ())}
    hashes = {record.get("split_hash") for record in records}
    origin = Provenance(
        run=str(stages.get("detector", "")),
        weights_sha256="",
        split_hash=hashes.pop() if len(hashes) == 1 else None,
        version="0.1.0",
    )
    return Head(
        classes=("nodule",),
        thresholds=(float(facts.get("threshold", 0.5)),),
        provenance=origin,
        trained_on=tuple(sorted(patients)) if known else None,
        settings={"stages": {name: str(stage) for name, stage in stages.items()}},
        kind="findings",
    )


def _run_record(run: Path) -> dict[str, Any]:
    path = run / "run.json"
    return read_record(dict[str, Any], path, "a run", "train again") if path.is_file() else {}


def read_all(folder: Path) -> list[Findings]:
    """Everything under ``folder/findings``, in order of the names.

    Raises:
        DataError: If there is nothing.
    """
    cases = sorted(cases_in(folder))
    if not cases:
        raise DataError(f"expected findings/<case>.json under {folder}, got none")
    return [Findings.read(folder, case) for case in cases]


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
