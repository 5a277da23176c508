"""One look at one bag of instances, and what bags of a cohort are to have in common."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inklings.cohorts.bags import is_bag, spans
from inklings.cohorts.case import SPLITS, Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.fingerprint import CheckFinding, Fingerprint, Severity
from inklings.cohorts.label_checks import Problem, Repair, inspect
from inklings.errors import DataError
from inklings.labels.kinds import BagLabel, CaseLabel, SurvivalLabel
from inklings.readers.bag_files import Span, blocks, head, not_finite

_ONE_OF = ("multiclass", "ordinal")


@dataclass
class _Seen:
    """What was seen of the rows of one file."""

    count: int = 0
    wrong: int = 0
    first: int = 0  # as row 1, 2, ...
    low: float = np.inf
    high: float = -np.inf
    sha: Any = field(default_factory=hashlib.sha256)


def fingerprint_bag(
    case: Case, classes: Sequence[str], repairs: Mapping[Repair, str], task: str = ""
) -> Fingerprint:
    """Read every instance of ``case`` once, in blocks of bounded size.

    Args:
        case: A bag.
        classes: What the cohort can annotate.
        repairs: The command behind each kind of repair; ``{case}`` stands for the id.
        task: What is asked of bags, if the cohort says it.
    """
    findings: list[CheckFinding] = []

    def say(kind: str, severity: Severity, reason: str, repair: Repair | None = "exclude") -> None:
        command = repairs.get(repair, "").replace("{case}", case.id) if repair else ""
        findings.append(CheckFinding(case.id, kind, severity, reason, command))

    digests, shapes = [], dict[tuple[int, ...], Path]()
    try:
        where = spans(case)
    except DataError as error:
        gone = next((path for path in case.images.values() if not path.exists()), None)
        if gone:  # perhaps all are: leaving them out would empty the cohort
            hint = "put it back, or import again"
            say("missing features", "error", f"expected {gone}; {hint}", None)
        else:
            say("unreadable features", "error", str(error))
        where = ()
    for span in where:
        try:
            seen = _look(span)
            shapes.setdefault(head(span.path).shape, span.path)
        except DataError as error:
            say("unreadable features", "error", str(error))
            continue
        if seen.wrong:
            reason = (
                f"{span.path.name}: NaN or infinity in {seen.wrong} of {seen.count} instances "
                f"(first: row {seen.first})"
            )
            say("features not finite", "error", reason)
        elif seen.count > 1 and seen.low == seen.high:
            say("blank bag", "warning", f"{span.path.name}: every number is {seen.low:g}")
        elif seen.count:
            digests.append(seen.sha.hexdigest())
    if len(set(digests)) < len(digests):
        say("repeated slide", "warning", "two files of the bag hold the same instances")
    present = _labels(case, classes, task, say)
    return Fingerprint(
        case.id, tuple(findings), (), present, 0, digests=tuple(digests), shapes=tuple(shapes)
    )


def cohort_findings(
    cohort: Cohort, fingerprints: Sequence[Fingerprint], exclude: str
) -> list[CheckFinding]:
    """What bags contradict one another in: shapes of instances, classes that a part lacks.

    Args:
        cohort: All cases.
        fingerprints: One for each.
        exclude: Command that leaves ``{case}`` out.
    """
    if not any(map(is_bag, cohort)):
        return []
    found = []
    shapes = Counter(shape for seen in fingerprints for shape in seen.shapes)
    usual = shapes.most_common(1)[0][0] if shapes else ()
    for seen in fingerprints:
        for shape in seen.shapes:
            if shape != usual:
                reason = f"instances of shape {shape}; {shapes[usual]} files have {usual}"
                repair = exclude.replace("{case}", seen.case)
                found.append(CheckFinding(seen.case, "shape of instances", "error", reason, repair))
    return found + _absent(cohort)


def _absent(cohort: Cohort) -> list[CheckFinding]:
    """Classes that no bag of a part shows, and questions that none denies."""
    found = []
    parts: dict[str, Sequence[Case]] = {"the cohort": cohort.cases}
    if cohort.is_split:
        parts = {part: cohort.part(part) for part in SPLITS}
    for part, cases in parts.items():
        labels = [k for case in cases for k in case.labels if isinstance(k, CaseLabel)]
        said = Counter((k.name, k.present) for k in labels if isinstance(k, BagLabel))
        events = Counter((k.name, k.event) for k in labels if isinstance(k, SurvivalLabel))
        if not cases:
            continue
        severity: Severity = "error" if part in ("train", "the cohort") else "warning"
        if not labels:
            reason = f"none of {len(cases)} bags has a label"
            found.append(CheckFinding(part, "no labels", severity, reason))
            continue
        for name in dict.fromkeys(name for name, _ in events):
            if not events[name, True]:
                reason = f"{name}: all {events[name, False]} times are censored, none is an event"
                found.append(CheckFinding(part, "no events", severity, reason))
        for name in cohort.classes if said else ():
            for there, word in ((True, "with"), (False, "without")):
                if not said[name, there]:
                    reason = f"no bag {word} {name!r} among {len(cases)}"
                    found.append(CheckFinding(part, "class is absent", "warning", reason))
    return found


def _look(span: Span) -> _Seen:
    seen = _Seen()
    for block in blocks(span):
        rows = not_finite(block)
        if len(rows) and not seen.wrong:
            seen.first = span.start + seen.count + int(rows[0]) + 1
        seen.wrong += len(rows)
        seen.count += len(block)
        seen.sha.update(np.ascontiguousarray(block).data)
        if block.size and not len(rows):
            seen.low = min(seen.low, float(block.min()))
            seen.high = max(seen.high, float(block.max()))
    return seen


def _labels(case: Case, classes: Sequence[str], task: str, say: Any) -> tuple[str, ...]:
    """Classes that the labels show."""
    present: dict[str, None] = {}
    said: dict[str, bool] = {}
    outcomes: dict[str, CaseLabel] = {}
    for label in case.labels:
        try:
            shown = inspect(label, case, {}, classes).names
        except Problem as error:
            say(error.kind, "error", str(error), error.repair)
            continue
        present.update(dict.fromkeys(shown))
        if isinstance(label, BagLabel) and said.setdefault(label.name, label.present) != (
            label.present
        ):
            say("contradiction", "error", f"{label.name} is labelled present and absent")
        elif isinstance(label, CaseLabel) and outcomes.setdefault(label.name, label) != label:
            say("contradiction", "error", f"{label.name} has two labels that differ")
    if task in _ONE_OF and said and sum(said.values()) != 1:
        names = ", ".join(present) or "none"
        say("contradiction", "error", f"expected exactly one class present, got {names}")
    return tuple(present)
