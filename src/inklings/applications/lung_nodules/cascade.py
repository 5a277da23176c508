"""All stages in a row: a CT in, findings and the cascade statistics out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.applications.lung_nodules.judge import judge
from inklings.applications.lung_nodules.lungs import NODULES, Lungs, lungs
from inklings.cohorts.leaks import Training
from inklings.detection.candidates import Detected, detect
from inklings.detection.find import settings_of
from inklings.detection.scan import PreparedScan, prepare
from inklings.errors import DataError
from inklings.files import write_json
from inklings.findings.finding import Attribute, Finding
from inklings.findings.measure import Measured, measure
from inklings.geometry import Geometry
from inklings.predictions.findings import Findings
from inklings.records import read_record
from inklings.runs.run import Run

MALIGNANCY = "malignancy_probability"
STAGES = ("detector", "classifier", "malignancy")
_FILE = "cascade.json"
_FILE_OF_0_1 = "chain.json"


@dataclass(frozen=True)
class Cascade:
    """The trained stages.

    Attributes:
        detector: Finds candidates.
        classifier: Says which are nodules; None leaves that to the detector.
        malignancy: Says which nodules are malignant; None if nobody asks.
        threshold: Probability from which a candidate is called a nodule.
        suspicious: Probability from which a nodule is called suspicious.
        weight: Of the classifier's logit beside the detector's, 0 to 1; at 0 it is not asked.
        tuned_on: Patients that the thresholds were tuned on.
    """

    detector: Run
    classifier: Run | None = None
    malignancy: Run | None = None
    threshold: float = 0.5
    suspicious: float = 0.5
    weight: float = 0.5
    tuned_on: frozenset[str] = frozenset()

    @classmethod
    def load(cls, folder: Path) -> Cascade:
        """Read a folder with the runs ``detector``, ``classifier``, ``malignancy``, or one run.

        ``cascade.json`` beside them (``chain.json`` of 0.1) holds thresholds that were tuned.

        Raises:
            DataError: If there is no detector.
        """
        if not (folder / "detector").is_dir():
            run = Run.load(folder)
            if run.task != "detection":
                raise DataError(
                    f"{folder}: expected a detector, or a folder with the run 'detector' in it, "
                    f"got a run of task {run.task}"
                )
            return dataclasses.replace(cls(run), **_said(folder))
        stages = {name: Run.load(folder / name) for name in STAGES if (folder / name).is_dir()}
        return cls(**stages, **_said(folder))  # type: ignore[arg-type]

    def write(self, folder: Path, chosen_on: Mapping[str, Any] | None = None) -> None:
        """Keep the thresholds beside the runs, and what they were chosen on."""
        said = {"threshold": self.threshold, "suspicious": self.suspicious, "weight": self.weight}
        chosen = {**(chosen_on or {}), "patients": sorted(self.tuned_on)}
        write_json(folder / _FILE, {**said, "chosen_on": chosen})

    @property
    def stage_trainings(self) -> tuple[Training, ...]:
        """What each stage was trained on."""
        return tuple(
            Training(f"stage {name}", frozenset(stage.record.trained_on), stage.record.split_hash)
            for name in STAGES
            if (stage := getattr(self, name)) is not None
        )

    @property
    def trainings(self) -> tuple[Training, ...]:
        """What each stage was trained on, and whom the thresholds were tuned on."""
        tuning = Training("the tuning of the thresholds", self.tuned_on)
        return (*self.stage_trainings, *([tuning] if self.tuned_on else []))

    @property
    def trained_on(self) -> frozenset[str]:
        """Patients that any stage was trained on, or the thresholds were tuned on."""
        return frozenset().union(*(one.patients or () for one in self.trainings))

    @property
    def facts(self) -> dict[str, Any]:
        """Which runs these are, for the record of the findings."""
        return {
            "stages": {
                name: str(stage.folder)
                for name in STAGES
                if (stage := getattr(self, name)) is not None
            },
            "threshold": self.threshold,
            "suspicious": self.suspicious,
        }


@dataclass(frozen=True)
class CascadeResult:
    """What the cascade says of one CT.

    Attributes:
        findings: All candidates, most probable first, and how many each stage left.
        measured: Outline of each finding in the same order.
        scan: What the networks saw.
    """

    findings: Findings
    measured: tuple[Measured, ...]
    scan: PreparedScan
    facts: Mapping[str, Any] = field(default_factory=dict)


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
    settings, hull = settings_of(cascade.detector), lungs(values, geometry)
    known = hull.region if settings.region.name == "lungs" else None
    scan = prepare(values, geometry, settings, known)
    detected = detect(cascade.detector.model, scan, settings)
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
        "voxels": scan.voxels,
        "flagged voxels": _in_voxels(detected.flagged, scan, geometry),
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
    return CascadeResult(findings, tuple(outlines[k] for k in order), scan)


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
        second = judge(cascade.classifier, values, geometry, places)
        for said, value in zip(known, second.tolist(), strict=True):
            said["classifier_score"] = value
        chance = combined(first, second, cascade.weight)
    asked = np.flatnonzero(chance >= min(cascade.threshold, 0.05))
    if cascade.malignancy is not None and len(asked):
        places = [(candidates[k].point_mm, sizes[k]) for k in asked]
        for k, value in zip(
            asked, judge(cascade.malignancy, values, geometry, places), strict=True
        ):
            known[k][MALIGNANCY] = float(value)
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


def _in_voxels(samples: int, scan: PreparedScan, geometry: Geometry) -> int:
    """Samples of the working grid as voxels of the CT."""
    return round(samples * scan.geometry.cell_mm / geometry.cell_mm)


def _said(folder: Path) -> dict[str, Any]:
    paths = [folder / _FILE, folder / _FILE_OF_0_1]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return {}
    again = "tune the thresholds again"
    record = read_record(dict[str, Any], path, "thresholds of a cascade", again)
    try:
        said = {name: float(record[name]) for name in ("threshold", "suspicious", "weight")}
        tuned_on = frozenset(map(str, record.get("chosen_on", {}).get("patients", ())))
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}); {again}") from None
    if not all(map(math.isfinite, said.values())):
        raise DataError(f"{path} is damaged (values that are no numbers); {again}")
    return {**said, "tuned_on": tuned_on}
