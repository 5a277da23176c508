"""Train what an experiment says, whatever its task: from a cohort on disk to a run folder."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from inklings.cohorts.cohort import Cohort
from inklings.errors import InklingsError
from inklings.models.weights import read_weights
from inklings.progress import note
from inklings.runs.run import WEIGHTS, ModelConfig, Run, RunRecord, write_model
from inklings.runs.weights import digest_of, load_weights
from inklings.spec import Experiment
from inklings.tasks import task_of
from inklings.tasks.base import Task
from inklings.tasks.calibrate import calibration_of, lines
from inklings.tasks.likeness import likeness_of
from inklings.training import machine
from inklings.training.fit import FitResult, Kept
from inklings.training.run_state import (
    RunState,
    last_checkpoint,
    may_start,
    require_same_split,
    require_trainable,
    require_unseen,
    seen_by,
)
from inklings.training.trainer import is_first
from inklings.weak.teacher import KEPT


def train(
    experiment: Experiment,
    out: Path,
    *,
    resume: bool = False,
    start: Path | None = None,
    allow_seen_test_patients: bool = False,
    races: Sequence[str] = (),
) -> Path:
    """Train what ``experiment`` says and leave a run folder.

    Args:
        experiment: What to do.
        out: The run folder; an unfinished run of the same experiment in it is gone on with.
        resume: Whether a finished run there is fine, too (nothing is done then).
        start: Run folder or weights file to begin from; None for random weights.
        allow_seen_test_patients: Train although earlier weights have seen test patients.
        races: What came of the races by which its plan was chosen, kept with the weights.

    Returns:
        ``out``.

    Raises:
        DataError: If cohort, labels or weights are not fit for it.
        SpecError: If the experiment cannot be, or another run is in the way.
    """
    entered = time.monotonic()
    task = task_of(experiment)
    task.check(experiment, start)
    cohort = Cohort.read(experiment.cohort)
    require_trainable(cohort, experiment.cohort)
    if is_first() and not may_start(out, experiment, resume):
        return out
    earlier = [*task.sources(experiment), *([start] if start else [])]
    notes = _unseen(cohort, out, earlier, allow_seen_test_patients) + _warned(cohort, start)
    require_same_split(out, cohort, experiment.cohort)
    used = {case.patient for case in (*cohort.part("train"), *cohort.part("val"))}
    begun = RunState(cohort.split_hash, tuple(sorted(used)), str(start or ""))
    if is_first():
        out.mkdir(parents=True, exist_ok=True)
        experiment.kept_in(out).write(out / "experiment.yaml")
        begun.write(out)
    try:
        first = _first_weights(start) if start else None
        trained = task.learn(experiment, cohort, out, first)
    finally:
        shutil.rmtree(out / "scratch", ignore_errors=True)
    if is_first():
        model_config = task.as_used(experiment, trained.model_config)
        write_model(out, trained.model, model_config)
        _look(experiment, cohort, trained, model_config, out)
        for kept in trained.kept:
            at_step = _at_step(trained, kept)
            folder = out / "steps" / str(kept.step)
            experiment.kept_in(folder).write(folder / "experiment.yaml")
            write_model(folder, at_step.model, model_config)
            _calibrate(task, experiment, cohort, at_step, folder)
            _record(experiment, begun, at_step, notes).write(folder)
            kept.weights.unlink()
        shutil.rmtree(out / "teacher" / KEPT, ignore_errors=True)
        raced = {"races": list(races)} if races else {}
        facts = {**trained.facts, **raced, "times": _times(trained, entered)}
        whole = dataclasses.replace(trained, facts=facts)
        for line in _calibrate(task, experiment, cohort, trained, out):
            note(f"calibration of {line}")
        _record(experiment, begun, whole, notes).write(out)
    return out


def _calibrate(
    task: Task[Experiment],
    experiment: Experiment,
    cohort: Cohort,
    trained: FitResult,
    folder: Path,
) -> list[str]:
    """What probabilities mean, in a file and in words; a training is not lost to it."""
    held_out = trained.point.held_out
    if held_out is None:
        return []
    thresholds, digest = trained.thresholds, digest_of(folder / WEIGHTS)
    try:
        how = (held_out, thresholds, trained.model_config, digest)
        found = calibration_of(task, experiment, cohort, *how)
    except InklingsError as error:
        return [f"{', '.join(held_out.names)}: not calibrated: {error}"]
    found.write(folder)
    return lines(found)


def _look(
    experiment: Experiment,
    cohort: Cohort,
    trained: FitResult,
    model_config: ModelConfig,
    folder: Path,
) -> None:
    """What its images are like, in a file; a training is not lost to it."""
    record, digest = RunRecord(trained.thresholds), digest_of(folder / WEIGHTS)
    run = Run(trained.model, model_config, record, experiment, folder, digest)
    try:
        found = likeness_of(run, cohort)
    except InklingsError as error:
        note(f"predictions will not report unlike images: {error}")
        return
    if found is not None:
        found.write(folder)


def _times(trained: FitResult, entered: float) -> dict[str, float]:
    """Seconds of this process by part: all before the loop, the loop, and all after it."""
    steps, over = trained.here
    before, after = over - steps - entered, time.monotonic() - over
    return {
        "reading": round(before, 1), "steps": round(steps, 1), "finishing": round(after, 1)
    }  # fmt: skip


def _at_step(trained: FitResult, kept: Kept) -> FitResult:
    """A training as if it had ended at a step; its model takes the weights of that step."""
    load_weights(trained.model, kept.weights)
    facts = {**trained.facts, **kept.point.facts}
    return dataclasses.replace(
        trained, point=kept.point, steps=kept.step, best_step=kept.step, facts=facts
    )


def _unseen(cohort: Cohort, out: Path, earlier: Sequence[Path], allowed: bool) -> list[str]:
    """Refuse test patients that earlier runs have seen; warnings where that was allowed."""
    sources = [(folder, seen_by(folder)) for folder in earlier]
    begun = RunState.read(out)
    if begun is not None and last_checkpoint(out):
        sources.append((out, begun.trained_on))
    notes = [require_unseen(cohort, seen, source, allowed) for source, seen in sources]
    return [note for note in notes if note]


def _warned(cohort: Cohort, start: Path | None) -> list[str]:
    """What the cohort, or the run whose weights are begun with, warns of."""
    notes = [str(cohort.facts["warning"])] if "warning" in cohort.facts else []
    if start is not None and start.is_dir():
        notes += [f"first weights: {line}" for line in RunRecord.read(start).warnings]
    return notes


def _first_weights(source: Path) -> dict[str, Tensor]:
    return read_weights(source / WEIGHTS if source.is_dir() else source)


def _record(
    experiment: Experiment, begun: RunState, trained: FitResult, notes: Sequence[str]
) -> RunRecord:
    lies = trained.model_config.orientation
    return RunRecord(
        thresholds=trained.thresholds,
        trained_on=begun.trained_on,
        split_hash=begun.split_hash,
        seed=experiment.training.seed,
        seconds=round(trained.seconds, 3),
        versions=machine.versions(),
        machine=machine.describe(),
        prior=[dataclasses.asdict(prior) for prior in trained.point.priors]
        or experiment.loss.options.get("prior"),
        warnings=(*notes, *trained.warnings),
        largest=trained.point.largest,
        facts={
            "steps": trained.steps,
            "best_step": trained.best_step,
            "non_finite_steps": trained.skipped,
            "precision": trained.precision,
            "parameters": sum(p.numel() for p in trained.model.parameters()),
            "start": begun.start,
            **({"orientation": lies} if lies else {}),
            **trained.facts,
        },
    )
