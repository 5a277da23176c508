"""What most cases have in common has a cause in common, and is no reason to leave them out."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

from inklings.cohorts.fingerprint import CheckFinding

EXCLUDE = "--exclude "
"""What a command says that leaves a case out."""


def of_one_cause(findings: Sequence[CheckFinding], cases: int) -> list[CheckFinding]:
    """Findings without the advice to leave a case out, where that would leave most of them out.

    What most cases have in common has a cause in common: a folder that moved, say.
    """
    having: dict[str, set[str]] = defaultdict(set)
    for finding in findings:
        having[finding.kind].add(finding.case)
    return [
        dataclasses.replace(finding, repair="")
        if is_common(len(having[finding.kind]), cases) and EXCLUDE in finding.repair
        else finding
        for finding in findings
    ]


def is_common(having: int, cases: int) -> bool:
    """Whether so many cases have something that it cannot be their own fault."""
    return having >= min(3, max(2, cases)) and having > cases / 2
