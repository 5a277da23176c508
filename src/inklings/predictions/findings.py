"""Places found in a scan: ``findings/<id>.json`` for programs, ``findings.csv`` for tables.

The CSV has the columns of a LUNA16 submission first (``seriesuid, coordX, coordY, coordZ,
probability``), so that other evaluators read it too.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
COLUMNS = ("seriesuid", "coordX", "coordY", "coordZ", "probability", "diameter_mm", "name")
"""Of the table; attributes follow, as they come."""
_SCHEMA = 2


@dataclass(frozen=True)
class Findings:
    """All findings of one scan, the highest score first.

    Attributes:
        case: Id of the case.
        found: In order of `Finding.score`, the largest first.
        frame: Physical space of the centres (`Geometry.frame`).
        stage_counts: What each stage left, in order: ``{"voxels": 9_000_000, "candidates": 120}``.
        facts: What made them: run, thresholds, seconds, warnings.
        statistics: Numbers that say how like the training scans it is, None where unknown
            (`inklings.predictions.likeness`); empty where the run does not know these.
    """

    case: str
    found: tuple[Finding, ...]
    frame: str = ""
    stage_counts: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    statistics: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        ordered = sorted(self.found, key=lambda finding: -finding.score)
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
            "stage_counts": dict(self.stage_counts),
            "facts": dict(self.facts),
            "findings": [_plain(finding) for finding in self],
            **({"statistics": self.statistics} if self.statistics else {}),
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
        found = as_record(cls, _as_now(value, path), path, "find them again")
        for one in found:
            numbers = [n for n in one.attributes.values() if not isinstance(n, str)]
            if not all(map(math.isfinite, (*one.centre_mm, one.diameter_mm, one.score, *numbers))):
                raise DataError(f"{path}: expected {what}, got values that are not numbers")
        return found


def file_of(folder: Path, case: str) -> Path:
    """Where the findings of a case lie."""
    return folder / FOLDER / f"{case}.json"


def cases_in(folder: Path) -> Iterator[str]:
    """Ids of the cases whose findings lie in ``folder``."""
    return (path.stem for path in (folder / FOLDER).glob("[!.]*.json"))


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
    rows = [(findings.case, finding) for findings in every for finding in findings]
    more = list(dict.fromkeys(name for _, finding in rows for name in finding.attributes))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, *more))
    writer.writerows(_row(case, finding, more) for case, finding in rows)
    write_text(path, text.getvalue())
    return path


def _row(case: str, finding: Finding, more: Sequence[str]) -> Iterator[str]:
    yield case
    yield from (str(round(v, 3)) for v in finding.centre_mm)
    yield from (f"{finding.score:.6g}", str(round(finding.diameter_mm, 2)), finding.name)
    for name in more:
        value = finding.attributes.get(name, "")
        if isinstance(value, str):
            yield value
        else:
            yield str(round(value, 1)) if name.endswith("_mm3") else f"{value:.6g}"


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "score": finding.score,
        "centre_mm": list(finding.centre_mm),
        "diameter_mm": finding.diameter_mm,
        "attributes": dict(finding.attributes),
    }


def _as_now(record: Any, path: Path) -> Any:
    """A record with the names of today; version 0.1 knew nodules only.

    Raises:
        DataError: If a later version wrote it.
    """
    if not isinstance(record, dict):
        return record
    schema = record.get("schema", 1)
    if not isinstance(schema, int) or schema > _SCHEMA:
        raise DataError(
            f"{path}: expected findings of schema {_SCHEMA} or before, got {schema!r}; read them "
            "with the version of inklings that wrote them"
        )
    now = {k: v for k, v in record.items() if k != "schema"}
    for name, was in (("found", "findings"), ("stage_counts", "funnel")):
        if was in now:
            now[name] = now.pop(was)
    if schema == 1 and isinstance(now.get("found"), list):
        now["found"] = [_nodule(one) for one in now["found"]]
    return now


def _nodule(record: Any) -> Any:
    """A finding of 0.1: a lung nodule, with a field for each of its attributes."""
    if not isinstance(record, dict):
        return record
    said = dict(record)
    attributes: dict[str, Any] = {"organ": "lung"}
    for name, was in (
        ("volume_mm3", "volume_mm3"), ("malignancy_probability", "malignancy"),
        ("side", "side"), ("zone", "zone"), ("picture", "picture"),
    ):  # fmt: skip
        if (value := said.pop(was, None)) is not None:
            attributes[name] = value
    scores = said.pop("scores", None) or {}
    attributes |= {f"{stage}_score": value for stage, value in scores.items()}
    if "nodule" in said:
        said["score"] = said.pop("nodule")
    return {**said, "name": "nodule", "attributes": attributes}
