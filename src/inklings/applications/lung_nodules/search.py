"""Nodules of many CTs: findings, counts and pictures of each, as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings import parallel
from inklings.applications.lung_nodules.cascade import MALIGNANCY, STAGES, Cascade, Found, find
from inklings.applications.lung_nodules.dicom import write_dicom
from inklings.applications.lung_nodules.report import CascadeScores, nodule_report
from inklings.cohorts.case import Split
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.stages import Seen, require_one_split
from inklings.detection.scan import whole
from inklings.errors import DataError
from inklings.files import written
from inklings.findings.finding import Finding
from inklings.geometry import Geometry
from inklings.inference.items import Item, gather
from inklings.predictions import findings as files
from inklings.predictions.findings import Findings
from inklings.reports.nodule_crops import crop_picture

_SHOWN = 0.05
CROPS = "crops"
REPORT = "report.html"


@dataclass(frozen=True)
class Settings:
    """How CTs are searched.

    Attributes:
        run: Folder of the stages.
        out: Where findings go.
        series: Of a DICOM folder with several.
        pictures: Largest number of crops that are drawn a case.
        dicom: Whether a segmentation and a report are written for scans that are DICOM.
        tuning: Every stage is asked, also one that an earlier tuning gave no weight.
    """

    run: Path
    out: Path
    series: str | None = None
    pictures: int = 12
    dicom: bool = False
    tuning: bool = False


def find_nodules(
    inputs: Sequence[Path],
    settings: Settings,
    *,
    split: Split | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    say: Callable[[str], None] = print,
) -> parallel.Summary:
    """Write ``findings/<case>.json``, ``findings.csv`` and crops; finished cases are skipped.

    Args:
        inputs: CTs, folders of them, or cohorts.
        settings: How.
        split: Only this part of a cohort.
        workers: Processes on this machine.
        scheduler: Address of a Dask scheduler instead.
        say: Prints the lines of a case.

    Raises:
        DataError: If there is nothing to read or the run is none.
    """
    items = {item.case: item for item in gather(inputs, split, settings.series)}
    Cascade.load(settings.run)  # a wrong run is everybody's mistake, not one for each case
    task = partial(_one, items, settings, say if not (workers or scheduler) else None)
    summary = parallel.over_cases(
        task,
        list(items),
        out=settings.out,
        what="nodules",
        workers=workers,
        scheduler=scheduler,
        done=lambda case: files.file_of(settings.out, case).is_file(),
    )
    there = set(files.cases_in(settings.out))
    done = [Findings.read(settings.out, case) for case in items if case in there]
    if done:
        files.write_table(done, settings.out / files.TABLE)
        write_report(settings.out, done, settings.run)
    return summary


def write_report(
    out: Path, done: Sequence[Findings], run: Path, scores: CascadeScores | None = None
) -> Path:
    """Write ``report.html``: what each stage left of every scan and a picture of every nodule."""
    return nodule_report(out / REPORT, done, out, Cascade.load(run).threshold, scores)


def require_unseen(run: Path, inputs: Sequence[Path], split: Split | None) -> None:
    """Refuse to score patients that a stage has learnt from.

    Raises:
        DataError: If there are any, or the stages were trained on several splits: no scan may
            train one stage and judge another.
    """
    cascade = Cascade.load(run)
    require_one_split(
        {
            name: Seen(frozenset(stage.record.trained_on), stage.record.split_hash)
            for name in STAGES
            if (stage := getattr(cascade, name)) is not None
        }
    )
    seen = cascade.trained_on
    for folder in inputs:
        if (folder / "cohort.yaml").is_file():
            cohort = Cohort.read(folder)
            cases = cohort.cases if split is None else cohort.part(split)
            both = sorted({case.patient for case in cases} & seen)
            if both:
                raise DataError(
                    f"{folder}: {len(both)} patients ({', '.join(both[:3])}) have trained a stage "
                    f"of {run}; judge others (--split test)"
                )


def _one(
    items: dict[str, Item], settings: Settings, say: Callable[[str], None] | None, case: str
) -> None:
    cascade = _loaded(settings.run)
    if settings.tuning:
        cascade = replace(cascade, weight=Cascade.weight)
    started = time.perf_counter()
    with items[case].open() as image:
        values, geometry = whole(image)
        stored = image.geometry
        read = time.perf_counter()
        found = find(cascade, values, geometry, case)
    seconds = {"reading": read - started, "finding": time.perf_counter() - read}
    findings = _pictured(found, values, geometry, settings)
    item = items[case]
    source = {"image": str(item.path), **({"series": item.choice} if item.choice else {})}
    if settings.dicom:
        problem = write_dicom(found, cascade, item.path, item.choice, stored, settings.out)
        if problem:
            warnings = [*findings.facts.get("warnings", ()), problem]
            findings = replace(findings, facts={**findings.facts, "warnings": warnings})
    rounded = {k: round(v, 3) for k, v in seconds.items()}
    facts = {**findings.facts, **source, "seconds": rounded}
    findings = replace(findings, facts=facts)
    findings.write(settings.out)
    if say is not None:
        for line in told(findings, cascade.threshold):
            say(line)


def _pictured(
    found: Found, values: NDArray[Any], geometry: Geometry, settings: Settings
) -> Findings:
    """The findings with a picture of each of the first."""
    shown = []
    for number, (finding, outline) in enumerate(
        zip(found.findings, found.measured, strict=True), 1
    ):
        if number <= settings.pictures and finding.score >= _SHOWN:
            name = f"{CROPS}/{found.findings.case}/{number:02d}.png"
            picture = crop_picture(
                values, geometry, finding.centre_mm, outline.mask, outline.region
            )
            with written(settings.out / name, durable=False) as part:
                Pillow.fromarray(picture).save(part)
            finding = replace(finding, attributes={**finding.attributes, "picture": name})
        shown.append(finding)
    return replace(found.findings, found=tuple(shown))


_KEPT: dict[Path, Cascade] = {}


def _loaded(run: Path) -> Cascade:
    """The stages, read once a process."""
    if run not in _KEPT:
        _KEPT[run] = Cascade.load(run)
    return _KEPT[run]


def told(findings: Findings, threshold: float) -> Iterator[str]:
    """The lines of one case: what was found, and what each stage left."""
    yield f"{findings.case}: found nodule candidates"
    for finding in findings:
        if finding.score >= threshold:
            yield "  " + line_of(finding)
    counts = " -> ".join(f"{n:,} {name}" for name, n in findings.stage_counts.items())
    seconds = findings.facts.get("seconds", {})
    yield f"  {counts} ({sum(seconds.values()):.1f} s)"
    if outside := findings.facts.get("outside of the lungs"):
        told = ", ".join(f"{count:,} {name}" for name, count in outside.items())
        yield f"  outside of the lungs (table, wall, bowel): {told}"
    for warning in findings.facts.get("warnings", ()):
        yield f"  warning: {warning}"


def line_of(finding: Finding) -> str:
    """One finding, in the words of the reference and some more."""
    x, y, z = finding.centre_mm
    parts = [f"nodule prob {finding.score:.3f}"]
    if (malignant := finding.number(MALIGNANCY)) is not None:
        parts.append(f"malignancy prob {malignant:.3f}")
    parts.append(f"{finding.diameter_mm:.1f} mm")
    if side := finding.word("side"):
        parts.append(f"{side} {finding.word('zone') or ''}".strip())
    return f"{', '.join(parts)}, center xyz ({x:.1f}, {y:.1f}, {z:.1f})"
