"""Findings of one scan as DICOM: a segmentation and a structured report beside its series."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from inklings.applications.lung_nodules.cascade import CascadeResult
from inklings.applications.lung_nodules.stages import Cascade
from inklings.errors import DataError
from inklings.exports.dicom_seg import Made, save
from inklings.exports.scan import ExportedScan
from inklings.exports.structured_report import FindingOutline, objects
from inklings.geometry import Geometry
from inklings.orientation import turn_to

FOLDER = "dicom"


def write_dicom(
    found: CascadeResult,
    cascade: Cascade,
    path: Path,
    series: str | None,
    geometry: Geometry,
    out: Path,
) -> str:
    """Write ``dicom/<case>_seg.dcm`` and ``<case>_report.dcm``; says why not, where it cannot.

    Args:
        found: Of the scan; what reaches the threshold of the cascade is reported.
        cascade: What found it.
        path: The DICOM series.
        series: Words that choose one of several.
        geometry: Grid of the scan, as its files have it.
        out: Folder of the findings.
    """
    case, turn = found.findings.case, turn_to(geometry)
    pairs = [
        (finding, FindingOutline(*one.on(turn)))
        for finding, one in zip(found.findings, found.measured, strict=True)
        if finding.score >= cascade.threshold
    ]
    said = replace(found.findings, found=tuple(finding for finding, _ in pairs))
    try:
        planes = ExportedScan(case, path, series, geometry).planes()
        made = objects(planes, said, [outline for _, outline in pairs], _made(cascade))
    except DataError as error:
        return f"no DICOM objects: {error}"
    if made is None:
        return "no DICOM objects: nothing was found to report"
    save(out / FOLDER / f"{case}_report.dcm", made.report)
    save(out / FOLDER / f"{case}_seg.dcm", made.segmentation)
    return ""


def _made(cascade: Cascade) -> Made:
    """Who found it, and when the network was ready: the same run makes the same objects."""
    folder = cascade.detector.folder or Path()
    weights = folder / "weights.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    words = {
        "run": folder.name,
        "weights_sha256": digest[:16],
        "threshold": f"{cascade.threshold:g}",
    }
    return Made(digest, datetime.fromtimestamp(int(weights.stat().st_mtime)), words)
