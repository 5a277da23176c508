"""LUNA16: 888 chest CTs of LIDC-IDRI with nodules of 3 mm and more that three readers saw.

Setio et al. 2017, Medical Image Analysis 42; CC BY 4.0. On disk: ``subset0`` to ``subset9`` with
``<seriesuid>.mhd`` and ``.raw``, ``annotations.csv``, ``candidates.csv``, ``candidates_V2.csv``,
``annotations_excluded.csv`` (in ``evaluationScript``), and, from Stevens et al. 2020,
``annotations_with_malignancy.csv``. Whoever downloaded three of the ten subsets has a cohort of
three: what is missing is counted, and rows about missing scans are left out.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.datasets.dataset import Argument, Converted, Option, Plain
from inklings.datasets.findings import ImportFinding
from inklings.datasets.luna_candidates import write_candidates
from inklings.datasets.luna_tables import Rated, read_malignancy, read_places
from inklings.datasets.scans import Scan, case_of
from inklings.errors import DataError
from inklings.findings.points import PointTable, plain_id
from inklings.labels.kinds import IRRELEVANT, BallLabel, Label

CT = "ct"
NODULE = "nodule"
FACTS = {
    "title": "LUNA16: lung nodule analysis 2016, from LIDC-IDRI",
    "licence": "CC BY 4.0",
    "citation": "Setio et al. 2017, Medical Image Analysis 42, 1-13",
    "home": "https://luna16.grand-challenge.org",
}
_SAME_MM = 0.01
"""The malignancy table repeats the places of the annotations to rounding."""
_BYTES = {"MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_FLOAT": 4, "MET_UCHAR": 1}


@dataclass(frozen=True)
class Tables:
    """What the provider says about places, where its file is there."""

    annotations: Path
    excluded: Path | None
    candidates: Mapping[str, Path]
    malignancy: Path | None

    @property
    def all(self) -> tuple[Path, ...]:
        """Every table: where one changes, scans are looked at again."""
        some = (self.annotations, self.excluded, self.malignancy, *self.candidates.values())
        return tuple(path for path in some if path is not None)


@dataclass(frozen=True)
class Luna16(Plain):
    """LUNA16: chest CTs with nodules, candidates and malignancy, left where they lie.

    Subsets that were not downloaded, and scans that were cut off, are counted and left out.
    Annotated places and malignancy are joined by position.
    """

    source: Annotated[Path, Argument("Folder with subset0, subset1, ... and annotations.csv.")]
    patients: Annotated[
        Path | None,
        Option("Table seriesuid,patient; without it each scan is a patient."),
    ] = None
    name: str = "luna16"
    classes: tuple[str, ...] = (NODULE,)
    facts: Mapping[str, Any] = field(default_factory=lambda: FACTS)
    noun: str = "volumes"

    def items(self, scratch: Path) -> Sequence[Scan]:  # noqa: ARG002
        """A case a scan; those whose samples are not whole have a problem.

        Raises:
            DataError: If there are no scans or no annotations.
        """
        tables = find_tables(self.source)
        of_patient = _patients(self.patients) if self.patients else {}
        found = _scans(self.source, of_patient)
        if all(scan.problem for scan in found):
            raise DataError(
                f"expected subset*/<seriesuid>.mhd with its .raw under {self.source}, got "
                f"{len(found)} without samples; download a subset of LUNA16, or copy it again"
            )
        beside = tables.all
        return [dataclasses.replace(scan, beside=beside) for scan in found]

    def convert(self, item: Scan) -> Converted:
        """One scan; what is known of its places comes from tables of all (`finish`)."""
        return case_of(item)

    def finish(self, cohort: Cohort, out: Path) -> tuple[Cohort, Sequence[str]]:
        """With a ball for each nodule; candidates of all scans lie in ``candidates.parquet``."""
        tables = find_tables(self.source)
        labels, rows = labels_of({case.id for case in cohort}, tables)
        cases = tuple(_labelled(case, labels.get(plain_id(case.id), ())) for case in cohort)
        whole = dataclasses.replace(cohort, cases=cases)
        candidates = write_candidates(whole, tables.candidates, out)
        broken = sum(scan.problem is not None for scan in _scans(self.source, {}))
        return whole, _words(whole, rows, candidates, broken)


def find_tables(root: Path) -> Tables:
    """Where the tables lie under ``root``.

    Raises:
        DataError: If there are no annotations.
    """
    by_name: dict[str, Path] = {}
    for path in sorted(root.rglob("*.csv"), key=lambda p: (len(p.parts), p.as_posix())):
        by_name.setdefault(path.name, path)
    if "annotations.csv" not in by_name:
        raise DataError(
            f"expected annotations.csv under {root}, got {', '.join(by_name) or 'no table'}; "
            "download it from LUNA16"
        )
    names = ("candidates", "candidates_V2")
    return Tables(
        by_name["annotations.csv"],
        by_name.get("annotations_excluded.csv"),
        {name: by_name[f"{name}.csv"] for name in names if f"{name}.csv" in by_name},
        by_name.get("annotations_with_malignancy.csv"),
    )


def _scans(root: Path, of_patient: Mapping[str, str]) -> list[Scan]:
    """Headers with their samples; those that are not whole say what is wrong."""
    found: dict[str, Scan] = {}
    for header in sorted(root.rglob("*.mhd")):
        name = header.stem
        if name in found:
            detail = f"{header}: its name was there before"
            other = f"{name}+{len(found)}"
            problem = ImportFinding(other, "several images", detail)
            found[other] = Scan(other, other, {CT: header}, problem=problem)
            continue
        wrong = _missing_samples(header)
        subset = header.parent.name
        found[name] = Scan(
            name,
            of_patient.get(plain_id(name), name),
            {CT: header},
            facts={"subset": subset} if subset.startswith("subset") else {},
            problem=ImportFinding(name, "incomplete download", wrong) if wrong else None,
        )
    return list(found.values())


def _missing_samples(header: Path) -> str:
    """What is wrong with the samples of a MetaImage; empty where nothing is."""
    try:
        text = header.read_text(encoding="latin-1")
        fields = dict(re.findall(r"^\s*(\w+)\s*=\s*(.*?)\s*$", text, re.MULTILINE))
        shape = [int(n) for n in fields["DimSize"].split()]
        raw = header.with_name(fields["ElementDataFile"])
        size = _BYTES[fields["ElementType"]] * int(np.prod(shape))
    except (KeyError, ValueError, OSError) as error:
        return f"{header.name}: not a header of MetaImage ({error})"
    if not raw.is_file():
        return f"{raw.name} is missing"
    there = raw.stat().st_size
    packed = fields.get("CompressedData", "False").lower() == "true"
    if there < size and not packed:
        return f"{raw.name} has {there} of {size} bytes"
    return ""


def _patients(path: Path) -> dict[str, str]:
    pairs = [line.split(",")[:2] for line in path.read_text(encoding="utf-8-sig").splitlines()]
    return {plain_id(a): b.strip() for a, b in (p for p in pairs if len(p) == 2)}


def labels_of(
    cases: set[str], tables: Tables
) -> tuple[dict[str, tuple[BallLabel, ...]], Counter[str]]:
    """Balls of every scan, and how many rows spoke of scans that are (not) there."""
    here = {plain_id(name) for name in cases}
    rated = read_malignancy(tables.malignancy) if tables.malignancy else ()
    labels: dict[str, list[BallLabel]] = {name: [] for name in here}
    rows: Counter[str] = Counter()
    nodules = read_places(tables.annotations, ("diameter_mm",))
    for series, point, size in _rows(nodules):
        rows["nodules" if series in here else "nodules elsewhere"] += 1
        if series in here:
            labels[series].append(BallLabel(CT, NODULE, point, size))
    for series, balls in labels.items():
        mine = [one for one in rated if one.series == series]
        joined, left = join_malignancy(balls, mine)
        labels[series] = joined
        rows["rated"] += sum(ball.malignant is not None for ball in joined)
        rows["rated without a nodule"] += left
    if tables.excluded:
        for series, point, size in _rows(read_places(tables.excluded, ("diameter_mm",))):
            if series in here:
                rows["excluded"] += 1
                measured = size if size > 0 else None
                labels[series].append(BallLabel(CT, IRRELEVANT, point, measured))
    return {name: tuple(balls) for name, balls in labels.items()}, rows


def _rows(places: PointTable) -> list[tuple[str, tuple[float, float, float], float]]:
    return [
        (series, (x, y, z), size)
        for series, (x, y, z), size in zip(
            places.cases.tolist(),
            places.points.tolist(),
            places.values["diameter_mm"].tolist(),
            strict=True,
        )
    ]


def join_malignancy(
    balls: Sequence[BallLabel], rated: Sequence[Rated]
) -> tuple[list[BallLabel], int]:
    """Malignancy joined by position: each rating goes to the nodule at its place.

    Returns:
        The balls, and how many ratings lay on none of them.
    """
    out, left = list(balls), 0
    for one in rated:
        off = [np.linalg.norm(np.subtract(ball.centre_mm, one.point)) for ball in out]
        if not off or min(off) > _SAME_MM:
            left += 1
            continue
        here = int(np.argmin(off))
        out[here] = dataclasses.replace(out[here], malignant=one.malignant, ratings=one.ratings)
    return out, left


def _labelled(case: Case, balls: Sequence[Label]) -> Case:
    count = sum(getattr(ball, "name", "") == NODULE for ball in balls)
    facts = {**case.facts, "nodules": str(count)}
    return dataclasses.replace(case, labels=tuple(balls), facts=facts)


def _words(cohort: Cohort, rows: Counter[str], candidates: int, broken: int) -> tuple[str, ...]:
    subsets = sorted({case.facts["subset"] for case in cohort if "subset" in case.facts})
    malignant = sum(
        isinstance(ball, BallLabel) and ball.malignant is True
        for case in cohort
        for ball in case.labels
    )
    scans = f"{len(cohort)} scans" + (f" of {len(subsets)} of 10 subsets" if subsets else "")
    out = [
        scans + (f", {broken} incomplete" if broken else ""),
        f"{rows['nodules']} nodules in them ({rows['nodules elsewhere']} are annotated in scans "
        f"that are not here), {rows['rated']} rated ({malignant} malignant), "
        f"{rows['excluded']} findings excluded, {candidates} candidates",
    ]
    if rows["rated without a nodule"]:
        out.append(f"{rows['rated without a nodule']} ratings lie on no nodule and were dropped")
    return tuple(out)
