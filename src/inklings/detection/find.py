"""From one volume to the findings of a detector."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from inklings.detection.candidates import detect
from inklings.detection.scan import prepare
from inklings.errors import DataError
from inklings.findings.finding import Finding
from inklings.geometry import Geometry
from inklings.predictions.findings import Findings
from inklings.runs.run import Run
from inklings.spec.detection import Detection, DetectionExperiment


def settings_of(run: Run) -> Detection:
    """How a detector sees and searches.

    Raises:
        DataError: If the run is of another task.
    """
    if not isinstance(run.experiment, DetectionExperiment):
        raise DataError(f"{run.folder}: expected a run of task detection, got one of {run.task}")
    return run.experiment.detection


def threshold_of(run: Run) -> float:
    """The score from which a finding is one, as this run gives scores."""
    own = run.thresholds if run.calibration is None else run.calibration.of_scores(run.thresholds)
    return own[0]


def find(run: Run, values: NDArray[Any], geometry: Geometry, case: str) -> Findings:
    """All candidates of a volume as findings, named as the class that the run has learnt.

    Args:
        run: A detector.
        values: ``(z, y, x)``.
        geometry: Its grid.
        case: Id of the case.

    Raises:
        DataError: If the search region cannot be found in such a volume.
    """
    settings = settings_of(run)
    scan = prepare(values, geometry, settings)
    detected = detect(run.model, scan, settings)
    (name,) = run.model_config.classes
    own = run.calibration
    found = tuple(
        Finding(
            name,
            one.score if own is None else own.of_scores((one.score,))[0],
            one.point_mm,
            one.diameter_mm,
        )
        for one in detected.candidates
    )
    voxels = round(detected.flagged * scan.geometry.cell_mm / geometry.cell_mm)
    counts = {"voxels": scan.voxels, "flagged voxels": voxels, "candidates": len(found)}
    facts: dict[str, Any] = {
        "run": str(run.folder),
        "threshold": threshold_of(run),
        "peaks outside of the region": len(detected.outside),
    }
    if not scan.region.found:
        region = settings.region.name
        facts["warnings"] = [f"no {region} were found, so candidates were looked for everywhere"]
    return Findings(case, found, geometry.frame, counts, facts)
