"""Nodules of many CTs: findings, counts and pictures of each, as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings import __version__
from inklings.applications.lung_nodules.cascade import (
    MALIGNANCY,
    CascadeResult,
    find,
)
from inklings.applications.lung_nodules.dicom import write_dicom
from inklings.applications.lung_nodules.report import CascadeScores, nodule_report
from inklings.applications.lung_nodules.stages import Cascade
from inklings.cohorts.case import Split
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.leaks import clear, require_one_split
from inklings.detection.predictor import DetectionPredictor, chosen, searched, source
from inklings.detection.scan import whole
from inklings.files import written
from inklings.findings.finding import Finding
from inklings.geometry import Geometry
from inklings.inference.items import Inputs, Item
from inklings.inference.predictor import Options
from inklings.parallel import Summary
from inklings.predictions.findings import Findings
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head, Provenance
from inklings.reports.nodule_crops import crop_picture

_SHOWN = 0.05
CROPS = "crops"
REPORT = "report.html"


@dataclass(frozen=True)
class Settings:
    """How CTs are searched beyond what any prediction is asked.

    Attributes:
        pictures: Largest number of crops that are drawn a case.
        dicom: Whether a segmentation and a report are written for scans that are DICOM.
        tuning: Every stage is asked, also one that an earlier tuning gave no weight, and nothing
            goes by the thresholds of that.
    """

    pictures: int = 12
    dicom: bool = False
    tuning: bool = False


class NodulePredictor(DetectionPredictor):
    """Detectors of lung nodules, and cascades that begin with one.

    Args:
        run: Folder of the detector, or of all stages.
        inputs: CTs, folders of them, or cohorts.
        options: What any prediction is asked.
        settings: How CTs are searched.
        say: Prints the lines of a case, in this process.
    """

    options: ClassVar[tuple[str, ...]] = ("split", "series", "threshold")
    what = "a detector of lung nodules"

    def __init__(
        self,
        run: Path,
        inputs: Sequence[Path],
        options: Options,
        settings: Settings | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._settings, self._say = settings or Settings(), say
        cascade = _asked(Cascade.load(run), self._settings)
        self._list(run, inputs, options, cascade.detector, cascade.image)
        self._cascade = replace(cascade, threshold=chosen(options, cascade.threshold))
        self.head = _head(run, self._cascade)

    def task(self, out: Path) -> Callable[[str], None]:
        """Searches one CT."""
        threshold = self._cascade.threshold
        inputs, run = self.inputs.resolved(), self.run.resolve()
        return partial(_one, run, inputs, self._settings, threshold, out)

    def search(self, item: Item, out: Path) -> None:
        """Search one CT, in this process."""
        findings = _searched(self._cascade, item, self._settings, out)
        if self._say is not None:
            for line in told(findings, self._cascade.threshold):
                self._say(line)


def find_nodules(
    run: Path,
    inputs: Sequence[Path],
    out: Path,
    settings: Settings | None = None,
    *,
    split: Split | None = None,
    series: str | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    say: Callable[[str], None] = print,
) -> Summary:
    """Predict as any other run, and write ``report.html``.

    Args:
        run: Folder of a detector, or of all stages.
        inputs: CTs, folders of them, or cohorts.
        out: Where findings go.
        settings: How.
        split: Only this part of a cohort.
        series: Ids of scans, with commas; of a DICOM folder with several what is meant.
        workers: Processes that share the cases; None, 0 or 1 for this one, whose network keeps
            all cores busy.
        scheduler: Address of a Dask scheduler instead.
        say: Prints the lines of a case.

    Raises:
        DataError: If there is nothing to read or the run is none.
    """
    options: Options = {"split": split, "series": series}
    predictor = NodulePredictor(run, inputs, options, settings, say)
    summary = predictor.into(out, workers, scheduler)
    there = PredictionFolder.open(out)
    if there.cases:
        asked = [case for case in predictor.cases if case in set(there.cases)]
        write_report(out, [Findings.read(out, case) for case in asked], run)
    return summary


def write_report(
    out: Path, done: Sequence[Findings], run: Path, scores: CascadeScores | None = None
) -> Path:
    """Write ``report.html``: what each stage left of every scan and a picture of every nodule."""
    return nodule_report(out / REPORT, done, out, Cascade.load(run).threshold, scores)


def require_unseen(run: Path, inputs: Sequence[Path], split: Split | None) -> None:
    """Refuse to score patients that a stage was trained on, before any scan is searched.

    Raises:
        DataError: If the stages were trained on several splits.
        SpecError: If there are such patients.
    """
    cascade = Cascade.load(run)
    require_one_split(cascade.stage_trainings)
    for folder in inputs:
        if (folder / "cohort.yaml").is_file():
            cohort = Cohort.read(folder)
            cases = cohort.cases if split is None else cohort.part(split)
            clear(cascade.trainings, {case.patient for case in cases}, cohort.split_hash)


def _asked(cascade: Cascade, settings: Settings) -> Cascade:
    """The cascade, as it was before any tuning where it is to be tuned."""
    return cascade.untuned if settings.tuning else cascade


def _head(run: Path, cascade: Cascade) -> Head:
    stages = cascade.stages
    hashes = {name: stage.weights_sha256 for name, stage in stages.items()}
    one = len(hashes) == 1
    splits = {stage.record.split_hash for stage in stages.values()}
    return Head(
        classes=("nodule",),
        thresholds=(cascade.threshold,),
        provenance=Provenance(
            run=str(run),
            weights_sha256=(
                cascade.detector.weights_sha256
                if one
                else sha256("".join(hashes.values()).encode()).hexdigest()
            ),
            split_hash=splits.pop() if len(splits) == 1 else None,
            version=__version__,
        ),
        trained_on=tuple(sorted(cascade.trained_on)),
        settings={
            "stages": hashes,
            "suspicious": cascade.suspicious,
            "weight": cascade.weight,
        },
        kind="findings",
    )


def _one(
    run: Path, inputs: Inputs, settings: Settings, threshold: float, out: Path, case: str
) -> None:
    """One CT, in any process."""
    cascade = replace(_asked(_loaded(run, inputs.call), settings), threshold=threshold)
    item = searched(inputs.once(Inputs.items)[case], cascade.image)
    _searched(cascade, item, settings, out)


def _searched(cascade: Cascade, item: Item, settings: Settings, out: Path) -> Findings:
    """What is found in one CT, written."""
    started = time.perf_counter()
    with item.open() as image:
        values, geometry = whole(image)
        stored = image.geometry
        read = time.perf_counter()
        found = find(cascade, values, geometry, item.case)
    seconds = {"reading": read - started, "finding": time.perf_counter() - read}
    findings = _pictured(found, values, geometry, settings.pictures, out)
    if settings.dicom:
        problem = write_dicom(found, cascade, item.path, item.choice, stored, out)
        if problem:
            warnings = [*findings.facts.get("warnings", ()), problem]
            findings = replace(findings, facts={**findings.facts, "warnings": warnings})
    rounded = {k: round(v, 3) for k, v in seconds.items()}
    findings = replace(findings, facts={**findings.facts, **source(item), "seconds": rounded})
    findings.write(out)
    return findings


def _pictured(
    found: CascadeResult, values: NDArray[Any], geometry: Geometry, pictures: int, out: Path
) -> Findings:
    """The findings with a picture of each of the first."""
    shown = []
    for number, (finding, outline) in enumerate(
        zip(found.findings, found.measured, strict=True), 1
    ):
        if number <= pictures and finding.score >= _SHOWN:
            name = f"{CROPS}/{found.findings.case}/{number:02d}.png"
            picture = crop_picture(
                values, geometry, finding.centre_mm, outline.mask, outline.region
            )
            with written(out / name, durable=False) as part:
                Pillow.fromarray(picture).save(part)
            finding = replace(finding, attributes={**finding.attributes, "picture": name})
        shown.append(finding)
    return replace(found.findings, found=tuple(shown))


@lru_cache(maxsize=1)
def _loaded(run: Path, call: str) -> Cascade:  # noqa: ARG001
    """The stages, read once a process for all cases of a call."""
    return Cascade.load(run)


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
