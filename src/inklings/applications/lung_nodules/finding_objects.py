"""Findings go to the archive of images: a segmentation and a structured report for each scan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from inklings.applications.lung_nodules.lungs import NODULES, lungs
from inklings.cohorts.cohort import Cohort
from inklings.detection.scan import whole
from inklings.errors import DataError
from inklings.exports.dicom_seg import Made, save
from inklings.exports.scan import ExportedScan
from inklings.exports.structured_report import FindingOutline, objects
from inklings.findings.measure import ball, measure
from inklings.orientation import turn_to
from inklings.predictions import findings as files
from inklings.predictions.findings import Findings
from inklings.progress import note, track
from inklings.readers import open_image


@dataclass(frozen=True)
class _Place:
    path: Path
    series: str | None


def export_findings(folder: Path, out: Path, cohort: Path | None = None) -> int:
    """Write ``<case>_seg.dcm`` and ``<case>_report.dcm`` into ``out``; the number of scans.

    Findings below the threshold of their run are not reported. Outlines of nodules are drawn
    again in the scan, since findings hold places and sizes only; other findings are balls.

    Args:
        folder: Written by ``inklings nodules``.
        out: New folder.
        cohort: Where the scans are now; if None, where they were read from.

    Raises:
        DataError: If there are no findings, or a scan is gone or no DICOM series; nothing has been
            written then.
    """
    every = files.read_all(folder)
    places = {one.case: _place(one, cohort) for one in every}
    scans = {}
    for case, place in places.items():
        with open_image(place.path, choice=place.series) as image:
            scans[case] = ExportedScan(case, place.path, place.series, image.geometry)
        scans[case].planes()
    for findings in track(every, "reports", len(every)):
        when = datetime.fromtimestamp(int(files.file_of(folder, findings.case).stat().st_mtime))
        _export(findings, scans[findings.case], out, when)
    return len(every)


def _export(findings: Findings, scan: ExportedScan, out: Path, when: datetime) -> None:
    threshold = float(findings.facts.get("threshold", 0.5))
    chosen = replace(findings, found=tuple(f for f in findings if f.score >= threshold))
    outlines = []
    with open_image(scan.path, choice=scan.series) as image:
        values, grid = whole(image)
        in_lungs = [finding.word("organ") == "lung" for finding in chosen]
        holds = lungs(values, grid).holds_tight if any(in_lungs) else None
        for finding, inside in zip(chosen, in_lungs, strict=True):
            place, size = finding.centre_mm, finding.diameter_mm
            found = (
                measure(values, grid, place, size, NODULES, holds)
                if inside
                else ball(grid, place, size)
            )
            outlines.append(FindingOutline(*found.on(turn_to(scan.geometry))))
    stages = findings.facts.get("stages", {})
    words = {name: Path(str(run)).name for name, run in stages.items()}
    model = sha256(repr(sorted(stages.items())).encode()).hexdigest()
    by = Made(model, when, {**words, "threshold": f"{threshold:.4g}"})
    made = objects(scan.planes(), chosen, outlines, by)
    report, seg = (out / f"{findings.case}_{what}.dcm" for what in ("report", "seg"))
    if made is None:
        note(f"case {findings.case}: nothing was found, so there is no report to write")
        report.unlink(missing_ok=True)
        seg.unlink(missing_ok=True)
        return
    save(seg, made.segmentation)
    save(report, made.report)


def _place(findings: Findings, cohort: Path | None) -> _Place:
    if cohort is not None:
        for case in Cohort.read(cohort):
            if case.id == findings.case:
                name, path = next(iter(case.images.items()))
                return _Place(path, case.choices.get(name))
        raise DataError(f"expected the case {findings.case} in {cohort}, got no such case")
    image = findings.facts.get("image")
    if not image or not Path(image).exists():
        raise DataError(
            f"case {findings.case}: expected its scan{f' at {image}' if image else ''}, got none; "
            "say where it is with --cohort"
        )
    return _Place(Path(image), findings.facts.get("series"))
