"""An examination in words, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from inklings.cohorts.annotated import annotated_text
from inklings.cohorts.checks import Examination
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.common_causes import is_common
from inklings.cohorts.fingerprint import CheckFinding

_SHOWN = {"error": 20, "warning": 10, "note": 3}


def text(examination: Examination, cohort: Cohort, folder: Path) -> str:
    """Findings by kind, worst first, each with its repair, and a verdict."""
    lines: list[str] = []
    for _, same in groupby(examination.findings, key=lambda finding: finding.kind):
        lines += _kind(list(same), len(cohort))
    for kind, size in examination.to_json()["grouped"].items():
        lines.append(f"{kind}: {size['groups']} groups of {size['cases']} cases in all")
    lines += filter(None, [annotated_text(cohort)])
    errors = [f for f in examination.findings if f.severity == "error"]
    if errors:
        lines.append(f"{len(cohort)} cases, {_number(errors)} that would spoil a training")
    else:
        lines.append(f"{len(cohort)} cases, nothing that would spoil a training")
    if not cohort.is_split:
        lines.append(f"not split yet: inklings split {folder} --fractions 0.7 0.1 0.2 --seed 0")
    return "\n".join(lines)


def _kind(findings: Sequence[CheckFinding], cases: int) -> list[str]:
    first = findings[0]
    lines = [f"{first.severity}: {first.kind}, {_number(findings)}"]
    shown = _SHOWN[first.severity]
    for finding in findings[:shown]:
        lines.append(f"  {finding.case}: {finding.reason}")
        if finding.repair:
            lines.append(f"    repair: {finding.repair}")
    if len(findings) > shown:
        lines.append(f"  and {len(findings) - shown} more in checks.json")
    having = len({finding.case for finding in findings})
    if first.severity != "note" and is_common(having, cases) and not first.repair:
        lines.append(
            f"    repair: {having} of {cases} cases have it, so look for one cause (a folder that "
            "moved, labels of other images, an option of the import) before any is left out"
        )
    return lines


def _number(findings: Sequence[CheckFinding]) -> str:
    return f"{len(findings)} finding{'s' if len(findings) > 1 else ''}"
