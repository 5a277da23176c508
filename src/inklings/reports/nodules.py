"""The page of the nodules: every scan with its funnel, every nodule with its picture."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from inklings.findings.finding import Finding, Findings
from inklings.reports.html import render

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
    funnel: tuple[tuple[str, str], ...]
    seconds: float
    outside: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    rows: tuple[_Row, ...]
    more: int


def nodule_page(
    every: Sequence[Findings], folder: Path, threshold: float, account: str = ""
) -> str:
    """One self-contained page of HTML.

    Args:
        every: Findings of the scans; the first 60 are shown.
        folder: Where their pictures lie.
        threshold: Probability from which a candidate is called a nodule.
        account: What became of the nodules, where the truth is known.
    """
    counts = [one.funnel for one in every]
    asked = any("suspicious" in funnel for funnel in counts)
    return render(
        "nodules.html",
        title=every[0].case if len(every) == 1 else f"Nodules of {len(every)} scans",
        scans=[_scan(k, one, folder, threshold) for k, one in enumerate(every[:MOST_SCANS])],
        called=sum(finding.nodule >= threshold for one in every for finding in one),
        suspicious=sum(f.get("suspicious", 0) for f in counts) if asked else None,
        threshold=threshold,
        account=account,
    )


def _scan(number: int, findings: Findings, folder: Path, threshold: float) -> _Scan:
    called = [one for one in findings if one.nodule >= threshold]
    return _Scan(
        f"scan{number}",
        findings.case,
        _counts(findings.funnel),
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
    malignancy = "–" if finding.malignancy is None else f"{finding.malignancy:.2f}"
    words = [finding.zone or "", finding.side or ""]
    return _Row(
        _embedded(folder / finding.picture) if finding.picture else None,
        f"{finding.nodule:.2f}",
        malignancy,
        f"{finding.diameter_mm:.1f} mm",
        " ".join(word for word in words if word),
        f"({x:.1f}, {y:.1f}, {z:.1f}) mm",
    )


def _embedded(path: Path) -> Markup | None:
    if not path.is_file():
        return None
    return Markup("data:image/png;base64,") + base64.b64encode(path.read_bytes()).decode()
