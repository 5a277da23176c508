"""What an import did, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from inklings.datasets import findings as reports
from inklings.datasets.findings import Finding
from inklings.datasets.importing import Report
from inklings.datasets.slide_cohort import SlideReport
from inklings.datasets.volume_cohort import VolumeReport
from inklings.labels.kinds import BagLabel


def lines(report: Report, out: Path) -> list[str]:
    """The summary that the command prints.

    Args:
        report: What `importing.run` returned.
        out: The cohort folder as the user called it.
    """
    said = [] if report.now else [f"already complete, nothing to do: {out}"]
    cases = report.cohort.cases
    labelled = [case for case in cases if case.labels]
    kinds = Counter(case.facts["modality"] for case in cases if "modality" in case.facts)
    what = [f"{len(labelled)} labelled", f"{len(cases) - len(labelled)} unlabelled"]
    objects = sum(int(case.facts.get("nuclei", case.facts.get("objects", 0))) for case in cases)
    if objects:
        noun = "nuclei" if "nucleus" in report.cohort.classes else "objects"
        what.append(f"{objects} {noun}")
    what.extend(f"{count} {kind}" for kind, count in kinds.most_common())
    said.append(f"{len(cases)} cases ({', '.join(what)})")
    return [*said, *_findings(report.findings, report.left_out, out)]


def slide_lines(report: SlideReport, out: Path) -> list[str]:
    """The summary of an import of slides; arguments as for `lines`."""
    cases = report.cohort.cases
    marked = sum(any(not isinstance(k, BagLabel) for k in case.labels) for case in cases)
    told = sum(bool(case.labels) for case in cases) - marked
    patients = len({case.patient for case in cases})
    said = [
        *report.words,
        f"{len(cases)} slides of {patients} patients: {marked} with marks in the image, {told} "
        f"with a label of the whole slide only, {len(cases) - marked - told} unlabelled",
    ]
    return [*said, *_findings(report.findings, report.left_out, out)]


def volume_lines(report: VolumeReport, out: Path, what: str = "masks") -> list[str]:
    """The summary of an import of volumes; arguments as for `lines`, and what labels are."""
    cases = report.cohort.cases
    labelled = sum(bool(case.labels) for case in cases)
    patients = len({case.patient for case in cases})
    said = [
        *report.words,
        f"{len(cases)} volumes of {patients} patients: {labelled} with {what} "
        f"({', '.join(report.cohort.classes)}), {len(cases) - labelled} unlabelled",
    ]
    return [*said, *_findings(report.findings, report.left_out, out)]


def _findings(findings: Sequence[Finding], left_out: Sequence[str], out: Path) -> list[str]:
    rows = reports.summary(findings)
    said = [f"{'finding':<18}{'cases':>7}{'count':>9}  what was done"] if rows else []
    said.extend(
        f"{r['kind']:<18}{r['cases']:>7}{r['count']:>9}  {r['consequence']} ({r['meaning']})"
        for r in rows
    )
    if left_out:
        some = ", ".join(left_out[:3]) + (", ..." if len(left_out) > 3 else "")
        count = "1 case" if len(left_out) == 1 else f"{len(left_out)} cases"
        said.append(f"left out because broken: {count} ({some})")
    else:
        said.append("no case was left out" if rows else "every check passed")
    said.append(f"cohort -> {out}; findings -> {out / 'import_findings.csv'}")
    return said
