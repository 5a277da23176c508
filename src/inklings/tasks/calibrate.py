"""What the probabilities of a run mean, fitted on its validation part: at the end, or later."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from inklings.calibration.evidence import HeldOut
from inklings.calibration.fitting import Fitted, fit
from inklings.calibration.maps import Map
from inklings.calibration.record import Calibration, fits_together
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.leaks import Training, require_apart, require_tunable
from inklings.errors import DataError, SpecError
from inklings.inference.device import best_device
from inklings.runs.members import members_of
from inklings.runs.run import ModelConfig, Run
from inklings.spec import Experiment
from inklings.tasks import task_of
from inklings.tasks.base import Task


def calibrate(folder: Path, cohort_folder: Path) -> Calibration:
    """Fit the calibration of a finished run and write it into its folder.

    Args:
        folder: One run.
        cohort_folder: The cohort that it was trained on, or one of other patients; of either the
            validation part alone is read.

    Raises:
        SpecError: If there are several runs, or its task has no probabilities.
        DataError: If the run has learnt from these patients by another split, some of them are to
            be tested, or nothing is labelled.
    """
    if members_of(folder) != (folder,):
        raise SpecError(f"expected one run, got several in {folder}; calibrate each of them")
    run, cohort = Run.load(folder), Cohort.read(cohort_folder)
    assert run.experiment is not None
    if not cohort.is_split:
        raise DataError(f"{cohort_folder}: expected a split; run 'inklings split {cohort_folder}'")
    if tuple(cohort.classes) != run.classes:
        raise DataError(
            f"{cohort_folder}: expected a cohort of {', '.join(run.classes)}, as the run learnt, "
            f"got one of {', '.join(cohort.classes)}"
        )
    training = Training(str(folder), frozenset(run.record.trained_on), run.record.split_hash)
    patients = {case.patient for case in cohort.part("val")}
    require_tunable([training], patients, cohort.split_hash)
    task = task_of(run.experiment)
    run.model.to(best_device())
    with tempfile.TemporaryDirectory() as scratch:
        held_out = task.held_out(run, cohort, Path(scratch))
    found = calibration_of(
        task, run.experiment, cohort, held_out, run.thresholds, run.model_config, run.weights_sha256
    )
    found.write(folder)
    return found


def calibration_of(
    task: Task[Experiment],
    experiment: Experiment,
    cohort: Cohort,
    held_out: HeldOut,
    thresholds: tuple[float, ...],
    model_config: ModelConfig,
    weights_sha256: str,
) -> Calibration:
    """The calibration that held-out cases ask for; classes without evidence keep what is said.

    Args:
        task: Which says what its labels are worth.
        experiment: As it was trained.
        cohort: Whose validation part was held out.
        held_out: What it says.
        thresholds: Of the run.
        model_config: Whether classes exclude one another.
        weights_sha256: Of the run.

    Raises:
        DataError: If patients of the validation part are to be tested.
    """
    patient_of = {case.id: case.patient for case in cohort.part("val")}
    require_apart(patient_of.values(), {case.patient for case in cohort.part("test")})
    doubts = task.doubts(experiment, cohort)
    classes = fit(replace(held_out, refused={**held_out.refused, **doubts}), patient_of)
    exclusive = model_config.activation == "softmax" and model_config.task is None
    if exclusive and not fits_together(classes, thresholds):
        why = "not calibrated: masks of classes that exclude one another would change"
        classes = tuple(Fitted(one.name, Map(), why, one.before, one.before) for one in classes)
    patients = sorted({patient_of[case] for case in held_out.cases})
    return Calibration(classes, tuple(patients), cohort.split_hash, weights_sha256, exclusive)


def lines(found: Calibration) -> list[str]:
    """What was fitted, a line a class."""
    told = []
    for one in found.classes:
        numbers = ""
        if one.before is not None and one.after is not None:
            numbers = (
                f"; ECE {one.before.ece} before, {one.after.ece} after, "
                f"Brier {one.before.brier} before, {one.after.brier} after"
            )
        told.append(f"{one.name}: {one.change}; {one.reason}{numbers}")
    return told
