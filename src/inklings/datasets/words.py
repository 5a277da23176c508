"""What an import did, in words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from inklings.datasets import findings as reports
from inklings.datasets.importing import Report


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
    rows = reports.summary(report.findings)
    if rows:
        said.append(f"{'finding':<18}{'cases':>7}{'count':>9}  what was done")
    said.extend(
        f"{r['kind']:<18}{r['cases']:>7}{r['count']:>9}  {r['consequence']} ({r['meaning']})"
        for r in rows
    )
    if report.left_out:
        some = ", ".join(report.left_out[:3]) + (", ..." if len(report.left_out) > 3 else "")
        count = "1 case" if len(report.left_out) == 1 else f"{len(report.left_out)} cases"
        said.append(f"left out because broken: {count} ({some})")
    else:
        said.append("no case was left out" if rows else "every check passed")
    said.append(f"cohort -> {out}; findings -> {out / 'import_findings.csv'}")
    return said
