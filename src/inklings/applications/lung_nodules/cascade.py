"""All stages in a row: a CT in, findings and the cascade statistics out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.applications.lung_nodules.judge import judge
from inklings.applications.lung_nodules.lungs import NODULES, Lungs, lungs
from inklings.applications.lung_nodules.reference import detect_as_reference
from inklings.applications.lung_nodules.stages import Cascade
from inklings.detection.candidates import Detected, detect
from inklings.detection.ensemble import averaged
from inklings.detection.find import settings_of
from inklings.detection.scan import prepare
from inklings.findings.finding import Attribute, Finding
from inklings.findings.measure import Measured, measure
from inklings.geometry import Geometry
from inklings.predictions.findings import Findings
from inklings.runs.run import Run

MALIGNANCY = "malignancy_probability"


@dataclass(frozen=True)
class CascadeResult:
    """What the cascade says of one CT.

    Attributes:
        findings: All candidates, most probable first, and how many each stage left.
        measured: Outline of each finding in the same order.
    """

    findings: Findings
    measured: tuple[Measured, ...]


def find(cascade: Cascade, values: NDArray[Any], geometry: Geometry, case: str) -> CascadeResult:
    """Findings in one CT.

    Args:
        cascade: The stages.
        values: ``(z, y, x)`` in HU.
        geometry: Its grid.
        case: Id of the case.

    Raises:
        DataError: If these are no Hounsfield units.
    """
    hull = lungs(values, geometry)
    if cascade.segments:
        detected = detect_as_reference(cascade.runs("segmenter"), values, geometry)
    else:
        detected = averaged(
            [_detected(one, values, geometry, hull) for one in cascade.runs("detector")]
        )
    outlines = [
        measure(values, geometry, one.point_mm, one.diameter_mm, NODULES, hull.holds_tight)
        for one in detected.candidates
    ]
    sizes = [
        _size(one.diameter_mm, m) for one, m in zip(detected.candidates, outlines, strict=True)
    ]
    found = _judged(cascade, values, geometry, hull, detected, sizes)
    order = sorted(range(len(found)), key=lambda k: -found[k].score)
    nodules = [f for f in found if f.score >= cascade.threshold]
    counts = {
        "voxels": values.size,
        "flagged voxels": detected.flagged,
        "candidates": len(found),
        "nodules": len(nodules),
    }
    if cascade.malignancy is not None:
        counts["suspicious"] = sum(
            (f.number(MALIGNANCY) or 0) >= cascade.suspicious for f in nodules
        )
    held = hull.holds([f.centre_mm for f in nodules]) if nodules else np.ones(0, bool)
    left = sum(heat >= cascade.threshold for heat in detected.outside)
    outside = {"peaks from the threshold on left out": left, "nodules called": int((~held).sum())}
    facts = {**cascade.facts, "outside of the lungs": outside}
    if not hull.found:
        facts["warnings"] = ["no lungs were found, so candidates were looked for everywhere"]
    findings = Findings(case, tuple(found), geometry.frame, counts, facts)
    return CascadeResult(findings, tuple(outlines[k] for k in order))


def _detected(run: Run, values: NDArray[Any], geometry: Geometry, hull: Lungs) -> Detected:
    """What one detector finds; flagged are voxels of the CT."""
    settings = settings_of(run)
    known = hull.region if settings.region.name == "lungs" else None
    scan = prepare(values, geometry, settings, known)
    detected = detect(run.model, scan, settings)
    flagged = round(detected.flagged * scan.geometry.cell_mm / geometry.cell_mm)
    return dataclasses.replace(detected, flagged=flagged)


def _asked(
    runs: Sequence[Run],
    values: NDArray[Any],
    geometry: Geometry,
    places: Sequence[tuple[tuple[float, float, float], float]],
) -> NDArray[np.float64]:
    """Probability ``(n,)`` of each place, the mean over ``runs``."""
    said: NDArray[np.float64] = np.mean([judge(run, values, geometry, places) for run in runs], 0)
    return said


def _judged(
    cascade: Cascade,
    values: NDArray[Any],
    geometry: Geometry,
    hull: Lungs,
    detected: Detected,
    sizes: list[float],
) -> list[Finding]:
    candidates = detected.candidates
    first = np.array([one.score for one in candidates])
    known: list[dict[str, Attribute]] = [
        {
            "organ": "lung",
            "side": hull.side(one.point_mm),
            "zone": hull.zone(one.point_mm),
            "volume_mm3": math.pi / 6 * size**3,
            "detector_score": float(value),
        }
        for one, size, value in zip(candidates, sizes, first, strict=True)
    ]
    chance = first
    if cascade.classifier is not None and cascade.weight > 0 and candidates:
        # The classifier learnt beside the sizes that the detector says, so it is told these.
        places = [(one.point_mm, one.diameter_mm) for one in candidates]
        second = _asked(cascade.runs("classifier"), values, geometry, places)
        for said, value in zip(known, second.tolist(), strict=True):
            said["classifier_score"] = value
        chance = combined(first, second, cascade.weight)
    asked = np.flatnonzero(chance >= min(cascade.threshold, 0.05))
    if cascade.malignancy is not None and len(asked):
        places = [(candidates[k].point_mm, sizes[k]) for k in asked]
        malignant = _asked(cascade.runs("malignancy"), values, geometry, places)
        for k, value in zip(asked, malignant.tolist(), strict=True):
            known[k][MALIGNANCY] = value
    return [
        Finding("nodule", float(chance[k]), one.point_mm, size, known[k])
        for k, (one, size) in enumerate(zip(candidates, sizes, strict=True))
    ]


def combined(
    first: NDArray[np.float64], second: NDArray[np.float64], weight: float
) -> NDArray[np.float64]:
    """Two probabilities as one: the weighted mean of their logits."""
    total = (1 - weight) * _logit(first) + weight * _logit(second)
    chance: NDArray[np.float64] = 1 / (1 + np.exp(-total))
    return chance


def _logit(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(chance, 1e-6, 1 - 1e-6)
    logit: NDArray[np.float64] = np.log(inside / (1 - inside))
    return logit


def _size(guess_mm: float, outlined: Measured) -> float:
    """The diameter that is reported: of the outline where there is one."""
    return outlined.diameter_mm if outlined.grown else guess_mm
