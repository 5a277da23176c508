"""The page of the nodules: what each stage left of every scan, every nodule with its picture."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from inklings.applications.lung_nodules.error_table import COLUMNS, ROWS, UNRATED, ErrorTable
from inklings.evaluation.findings import SENSITIVITIES
from inklings.evaluation.froc import RATES
from inklings.evaluation.scores import Scores
from inklings.findings.finding import Finding
from inklings.predictions.findings import Findings
from inklings.reports.charts import Chart
from inklings.reports.froc import froc_chart
from inklings.reports.html import write_page
from inklings.reports.roc import roc_chart

MOST_SCANS = 60


@dataclass(frozen=True)
class _Row:
    picture: Markup | None
    nodule: str
    malignancy: str
    diameter: str
    place: str
    centre: str


@dataclass(frozen=True)
class _Scan:
    id: str
    case: str
    counts: tuple[tuple[str, str], ...]
    seconds: float
    outside: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    rows: tuple[_Row, ...]
    more: int


@dataclass(frozen=True)
class CascadeScores:
    """How good the findings are, where the truth is known.

    Attributes:
        errors: What each stage lost, by each rule.
        froc: Their FROC.
        notes: Sentences about the rest.
        roc: Of malignancy beside the diameter, as of `inklings.evaluation.ranking.roc`.
    """

    errors: tuple[ErrorTable, ...]
    froc: Scores
    notes: tuple[str, ...] = ()
    roc: Mapping[str, Sequence[Any]] | None = None


def nodule_report(
    path: Path,
    every: Sequence[Findings],
    folder: Path,
    threshold: float,
    scores: CascadeScores | None = None,
) -> Path:
    """Write one self-contained page of HTML, and the numbers of its figures beside it.

    Args:
        path: The page.
        every: Findings of the scans; the first 60 are shown.
        folder: Where their pictures lie.
        threshold: Probability from which a candidate is called a nodule.
        scores: How good they are, where the truth is known.
    """
    counts = [one.stage_counts for one in every]
    asked = any("suspicious" in count for count in counts)
    return write_page(
        path,
        "nodules.html",
        title=every[0].case if len(every) == 1 else f"Nodules of {len(every)} scans",
        searched=len(every),
        scans=[_scan(k, one, folder, threshold) for k, one in enumerate(every[:MOST_SCANS])],
        called=sum(finding.score >= threshold for one in every for finding in one),
        suspicious=sum(f.get("suspicious", 0) for f in counts) if asked else None,
        threshold=threshold,
        scores=scores,
        errors=[_errors(one) for one in scores.errors] if scores else [],
        froc=froc_chart(scores.froc) if scores else None,
        roc=roc_chart(scores.roc) if scores and scores.roc else None,
        rates=[(rate, scores.froc[name]) for rate, name in zip(RATES, SENSITIVITIES, strict=True)]
        if scores
        else (),
        cascade=_cascade(every),
    )


def _errors(one: ErrorTable) -> dict[str, Any]:
    """One rule's table for the template."""
    losses = one.losses
    every = max(1, losses["nodules"])
    rows = zip((*ROWS, UNRATED), one.table.tolist(), strict=True)
    return {
        "columns": COLUMNS,
        "rows": [(name, counts) for name, counts in rows if name != UNRATED or any(counts)],
        "losses": [(name, n, n / every) for name, n in list(losses.items())[1:5]],
        "nodules": losses["nodules"],
        "reach": "its radius (the rule of LUNA16)"
        if one.rule == "luna16"
        else "0.7 of its diameter (the reference cascade)",
    }


def _cascade(every: Sequence[Findings]) -> Chart:
    """How many are left after each stage: a row for each scan."""
    stages = list(dict.fromkeys(name for one in every for name in one.stage_counts))
    total = {name: sum(one.stage_counts.get(name, 0) for one in every) for name in stages}
    most = math.log10(max(10, *total.values())) if total else 1.0
    bars = Markup("").join(
        Markup(
            '<tr><td>{name}</td><td class="right value">{count}</td><td class="wide"><svg '
            'class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
            '<rect class="span" x="0" y="1" width="{width:.1f}" height="8"/></svg></td></tr>'
        ).format(name=name, count=f"{n:,}", width=100 * math.log10(max(1, n)) / most)
        for name, n in total.items()
    )
    picture = Markup(
        '<div class="scroll"><table class="cascade"><thead><tr><th>Stage</th>'
        '<th class="right">Left</th>'
        "<th>on a scale of tens</th></tr></thead><tbody>{}</tbody></table></div>"
    ).format(bars)
    columns = {name: [one.stage_counts.get(name) for one in every] for name in stages}
    return Chart("cascade", picture, {"case": [one.case for one in every], **columns})


def _scan(number: int, findings: Findings, folder: Path, threshold: float) -> _Scan:
    called = [one for one in findings if one.score >= threshold]
    return _Scan(
        f"scan{number}",
        findings.case,
        _counts(findings.stage_counts),
        sum(findings.facts.get("seconds", {}).values()),
        _counts(findings.facts.get("outside of the lungs", {})),
        tuple(findings.facts.get("warnings", ())),
        tuple(_row(one, folder) for one in called),
        len(findings) - len(called),
    )


def _counts(counts: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    return tuple((name, f"{count:,}") for name, count in counts.items())


def _row(finding: Finding, folder: Path) -> _Row:
    x, y, z = finding.centre_mm
    malignant, picture = finding.number("malignancy_probability"), finding.word("picture")
    malignancy = "–" if malignant is None else f"{malignant:.2f}"
    words = [finding.word("zone"), finding.word("side")]
    return _Row(
        _embedded(folder / picture) if picture else None,
        f"{finding.score:.2f}",
        malignancy,
        f"{finding.diameter_mm:.1f} mm",
        " ".join(word for word in words if word),
        f"({x:.1f}, {y:.1f}, {z:.1f}) mm",
    )


def _embedded(path: Path) -> Markup | None:
    if not path.is_file():
        return None
    return Markup("data:image/png;base64,") + base64.b64encode(path.read_bytes()).decode()
