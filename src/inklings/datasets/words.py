"""What an import did, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from inklings.cohorts.cohort import Cohort
from inklings.datasets import findings as reports
from inklings.datasets.findings import ImportFinding
from inklings.datasets.importing import Report
from inklings.labels.kinds import CaseLabel

_REASONS = 3
"""Why cases were left out, said on the screen; all of it is in the report."""


def lines(report: Report, out: Path) -> list[str]:
    """The summary that the command prints.

    Args:
        report: What `importing.run` returned.
        out: The cohort folder as the user called it.
    """
    said = [] if report.now else [f"already complete, nothing to do: {out}"]
    said += report.words
    cohort = report.cohort
    what = [*_labelled(cohort), *_counted(cohort)]
    patients = len({case.patient for case in cohort})
    of = f" of {patients} patients" if patients < len(cohort) else ""
    said.append(f"{len(cohort)} {report.noun}{of} ({', '.join(what)})")
    return [*said, *_findings(report.findings, report.left_out, out)]


def _labelled(cohort: Cohort) -> list[str]:
    """How many cases have labels; labels of the whole case are told apart."""
    some = [case for case in cohort if case.labels]
    whole = sum(all(isinstance(label, CaseLabel) for label in case.labels) for case in some)
    if 0 < whole < len(some):
        labelled = [f"{len(some) - whole} with marks in the image", f"{whole} labelled as a whole"]
    else:
        labelled = [f"{len(some)} labelled"]
    return [*labelled, f"{len(cohort) - len(some)} unlabelled"]


def _counted(cohort: Cohort) -> list[str]:
    kinds = Counter(case.facts["modality"] for case in cohort if "modality" in case.facts)
    objects = sum(int(case.facts.get("nuclei", case.facts.get("objects", 0))) for case in cohort)
    noun = "nuclei" if "nucleus" in cohort.classes else "objects"
    told = [f"{count} {kind}" for kind, count in kinds.most_common()]
    return [f"{objects} {noun}", *told] if objects else told


def _findings(findings: Sequence[ImportFinding], left_out: Sequence[str], out: Path) -> list[str]:
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
        fatal = [finding for finding in findings if finding.is_fatal]
        said += [f"  {finding.case}: {finding.detail}" for finding in fatal[:_REASONS]]
        if len(fatal) > _REASONS:
            said.append(f"  ... and {len(fatal) - _REASONS} more reasons")
    else:
        said.append("no case was left out" if rows else "every check passed")
    said.append(f"cohort -> {out}; findings -> {out / 'import_findings.csv'}")
    return said
