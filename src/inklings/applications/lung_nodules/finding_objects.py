"""Findings go to the archive of images: a segmentation and a structured report for each scan."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from inklings.applications.lung_nodules.lungs import NODULES, lungs
from inklings.detection.scan import whole
from inklings.errors import DataError
from inklings.exports.dicom_seg import Made, save
from inklings.exports.scan import ExportedScan
from inklings.exports.source import Exporter, ExportSource
from inklings.exports.structured_report import FindingOutline, objects
from inklings.findings.measure import ball, measure
from inklings.orientation import turn_to
from inklings.predictions.findings import Findings
from inklings.predictions.head import Kind
from inklings.progress import note, track
from inklings.readers import open_image


class DicomSr(Exporter):
    """``<case>_seg.dcm``, ``<case>_report.dcm`` and ``<case>_page.dcm`` of each scan.

    Findings below the threshold of their run are not reported. Outlines of nodules are drawn
    again in the scan, since findings hold places and sizes only; other findings are balls.

    Raises:
        DataError: If a scan is gone or no DICOM series; nothing has been written then.
    """

    of: tuple[Kind, ...] = ("findings",)

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write the files of each scan into ``out``."""
        every = [Findings.read(source.folder, case) for case in source.cases]
        scans = {findings.case: _scan(findings, source) for findings in every}
        for findings in track(every, "reports", len(every)):
            file = source.there.where(findings.case)
            when = datetime.fromtimestamp(int(file.stat().st_mtime))
            _export(findings, scans[findings.case], out, when)
        return out


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
    paths = {what: out / f"{findings.case}_{what}.dcm" for what in ("seg", "report", "page")}
    if made is None:
        note(f"case {findings.case}: nothing was found, so there is no report to write")
        for path in paths.values():
            path.unlink(missing_ok=True)
        return
    save(paths["seg"], made.segmentation)
    save(paths["report"], made.report)
    save(paths["page"], made.page)


def _scan(findings: Findings, source: ExportSource) -> ExportedScan:
    """The series of a case, which holds its planes.

    Raises:
        DataError: If it is gone, or no DICOM series.
    """
    image, series = findings.facts.get("image"), findings.facts.get("series")
    if known := source.labelled.get(findings.case):
        name, image = next(iter(known.images.items()))
        series = known.choices.get(name)
    if not image or not Path(image).exists():
        raise DataError(
            f"case {findings.case}: expected its scan{f' at {image}' if image else ''}, got none; "
            "give its location with --cohort"
        )
    with open_image(image, choice=series) as opened:
        scan = ExportedScan(findings.case, Path(image), series, opened.geometry)
    scan.planes()
    return scan
