"""Where a cascade cuts, and how much its classifier counts: chosen on validation scans."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inklings.applications.lung_nodules.cascade import combined
from inklings.applications.lung_nodules.error_analysis import rated
from inklings.applications.lung_nodules.stages import Cascade
from inklings.applications.lung_nodules.validation import best_threshold
from inklings.cohorts.case import Split
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.leaks import require_tunable
from inklings.errors import DataError
from inklings.evaluation.froc import Reference, curve, match
from inklings.evaluation.marks import from_cohort
from inklings.findings.points import PointTable
from inklings.predictions import findings as files
from inklings.predictions.findings import Findings

WEIGHTS = tuple(round(0.1 * k, 1) for k in range(11))
_PART: Split = "val"


def require_validation(inputs: Sequence[Path], split: Split | None) -> None:
    """Refuse to tune on anything but the validation part of one cohort.

    Raises:
        DataError: If this is something else.
    """
    if split != _PART or len(inputs) != 1 or not (inputs[0] / "cohort.yaml").is_file():
        raise DataError(
            f"--tune-thresholds: expected one cohort and --split val, got {len(inputs)} inputs and "
            f"--split {split}; thresholds are tuned on validation scans only"
        )


def tune(out: Path, folder: Path, run: Path) -> str:
    """Tune thresholds and weight on the findings in ``out``; they are kept in ``cascade.json``.

    The weight of the classifier is that of the highest CPM; a candidate is a nodule from where the
    F1 of all marks against all nodules is highest, and suspicious from where that of the rated
    nodules that were found is.

    Args:
        out: Folder that `inklings nodules` wrote.
        folder: The cohort, whose validation part was searched.
        run: Folder of the stages.

    Returns:
        What was chosen, in one line.

    Raises:
        DataError: If nothing was searched, or without asking the classifier that is to be weighed.
    """
    cohort, cascade = Cohort.read(folder), Cascade.load(run)
    cases = cohort.part(_PART)
    patients = frozenset(case.patient for case in cases)
    require_tunable(cascade.stage_trainings, patients, cohort.split_hash)
    found = {one.case: one for one in files.read_all(out)}
    mine = [found[case.id] for case in cases if case.id in found]
    if not mine:
        raise DataError(f"{out}: expected findings of the val part of {folder}, got none")
    if cascade.classifier is not None:
        unasked = sum(any(f.number("classifier_score") is None for f in one) for one in mine)
        if unasked:
            raise DataError(
                f"{out}: expected classifier scores for every candidate, got {unasked} of "
                f"{len(mine)} scans searched without it; run --tune-thresholds with another --out"
            )
    reference = from_cohort(folder, _PART)
    weight = cascade.weight if cascade.classifier is None else best_weight(mine, reference)
    matched = match(marks(mine, weight), reference)
    hits = matched.best[np.isfinite(matched.best)]
    threshold = best_threshold(
        np.concatenate([hits, matched.false]),
        np.arange(len(hits) + len(matched.false)) < len(hits),
        len(matched.best) - len(hits),
    )
    asked = rated(found, cases)
    suspicious = best_threshold(asked.said, asked.malignant) if asked else cascade.suspicious
    chosen = dataclasses.replace(
        cascade, threshold=threshold, suspicious=suspicious, weight=weight, tuned_on=patients
    )
    chosen.write(run, {"split_hash": cohort.split_hash, "scans": len(mine)})
    return (
        f"chosen on {len(mine)} validation scans: a nodule from {threshold:.3f} on, suspicious "
        f"from {suspicious:.3f} on, weight of the classifier {weight:g} -> {run}/cascade.json"
    )


def marks(found: Sequence[Findings], weight: float) -> PointTable:
    """All candidates, as probable as they are with this weight of the classifier."""
    rows = [(one.case, finding) for one in found for finding in one]
    first = np.array([f.attributes["detector_score"] for _, f in rows], float)
    second = [f.attributes.get("classifier_score", f.attributes["detector_score"]) for _, f in rows]
    points = np.array([f.centre_mm for _, f in rows], float).reshape(-1, 3)
    said = {"probability": combined(first, np.array(second, float), weight)}
    return PointTable(np.array([name for name, _ in rows], object), points, said)


def best_weight(found: Sequence[Findings], reference: Reference) -> float:
    """The weight of the highest CPM; of equal ones the nearest to one half."""
    scored = [(curve(match(marks(found, w), reference)).cpm, -abs(w - 0.5), w) for w in WEIGHTS]
    return max(scored)[2]
