"""Train what an experiment file says: from a cohort on disk to a run folder."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from torch import Tensor

from inklings.bags.task import task_of
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.stacked import inputs_of
from inklings.data import INTENSITIES, NORMALISERS
from inklings.data.bag_examples import gather_bags
from inklings.data.examples import Examples, gather
from inklings.data.restained import restained
from inklings.data.tile_examples import Looks, gather_tiles, require_same_cohort
from inklings.data.tile_index import Head
from inklings.data.volumes import unplaced
from inklings.files import write_json
from inklings.models.weights import read_weights
from inklings.orientation import across
from inklings.runs.run import WEIGHTS, ModelConfig, RunRecord, write_model
from inklings.spec import Component, Experiment
from inklings.supervision import SUPERVISIONS
from inklings.tasks.components import require_known
from inklings.tasks.learn_bags import learn_bags, takes_bags
from inklings.training import machine
from inklings.training.learn import FitResult, learn
from inklings.training.run_state import (
    RunState,
    last_checkpoint,
    may_start,
    require_trainable,
    require_unseen,
    seen_by,
)
from inklings.training.trainer import is_first
from inklings.weak.corrected import correct
from inklings.weak.self_training import Round, self_train
from inklings.weak.teacher import KEPT, lesson_facts, teach

__all__ = ["FitResult", "fit", "learn"]


def fit(
    experiment: Experiment,
    out: Path,
    *,
    resume: bool = False,
    start: Path | None = None,
    allow_seen_test_patients: bool = False,
) -> Path:
    """Train what ``experiment`` says and leave a run folder.

    Args:
        experiment: What to do.
        out: The run folder; an unfinished run of the same experiment in it is gone on with.
        resume: Whether a finished run there is fine, too (nothing is done then).
        start: Run folder or weights file to begin from; None for random weights.
        allow_seen_test_patients: Train although earlier weights have seen test patients.

    Returns:
        ``out``.

    Raises:
        DataError: If cohort, labels or weights are not fit for it.
        SpecError: If the experiment cannot be, or another run is in the way.
    """
    require_known(experiment)
    cohort = Cohort.read(experiment.cohort)
    require_trainable(cohort, experiment.cohort)
    if is_first() and not may_start(out, experiment, resume):
        return out
    notes = _unseen(cohort, out, start, allow_seen_test_patients) + _warned(cohort, start)
    used = {case.patient for case in (*cohort.part("train"), *cohort.part("val"))}
    begun = RunState(cohort.split_hash, tuple(sorted(used)), str(start or ""))
    if is_first():
        out.mkdir(parents=True, exist_ok=True)
        experiment.write(out / "experiment.yaml")
        begun.write(out)
    scratch = out / "scratch"
    try:
        first = _first_weights(start) if start else None
        learnt = _learn_bags if takes_bags(experiment) else _learn_images
        trained, rounds, count = learnt(_scaled(experiment, cohort), cohort, out, first)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if is_first():
        write_model(out, trained.model, _as_used(trained.model_config, experiment))
        _record(experiment, begun, trained, notes, count, rounds).write(out)
        shutil.rmtree(out / "teacher" / KEPT, ignore_errors=True)
    return out


def _scaled(experiment: Experiment, cohort: Cohort) -> Experiment:
    """Channels of several images are scaled each by itself: T1 and CT have no common scale."""
    asked = experiment.intensity
    if takes_bags(experiment) or asked.name not in ("zscore", "percentiles"):
        return experiment
    several = {"per_channel": True} if len(inputs_of(cohort.part("train"))) > 1 else {}
    own = Component(name=asked.name, options={"fractions": True, **several, **asked.options})
    return experiment.model_copy(update={"intensity": own})


def _warned(cohort: Cohort, start: Path | None) -> list[str]:
    """What the cohort, or the run whose weights are begun with, warns of."""
    notes = [str(cohort.facts["warning"])] if "warning" in cohort.facts else []
    if start is not None and start.is_dir():
        notes += [f"first weights: {line}" for line in RunRecord.read(start).warnings]
    return notes


def _learn_images(
    experiment: Experiment, cohort: Cohort, out: Path, first: Mapping[str, Tensor] | None
) -> tuple[FitResult, list[Round], int]:
    """Segmentation: the model, the rounds of self-training, how many images it learnt from."""
    train, val, channels = _examples(experiment, cohort, out / "scratch")
    if experiment.teacher is not None:
        taught = teach(experiment, train, val, cohort.classes, out / "teacher")
        train, val = taught.train, taught.val
        if is_first():
            write_json(out / "teacher.json", lesson_facts(taught))
        if first is None and experiment.teacher.model is None and taught.teacher is not None:
            first = taught.teacher.model.state_dict()  # the student goes on where it stands
    cleaned = correct(train, val, experiment.correction, channels)
    if cleaned.evidence and is_first():
        write_json(out / "correction.json", {"evidence": cleaned.evidence})

    def trained_on(labels: Examples, folder: Path) -> FitResult:
        names = {"classes": cohort.classes, "channels": channels}
        return learn(experiment, labels, cleaned.val, **names, out=folder, initial=first)

    trained, rounds = self_train(experiment, cleaned.train, cleaned.val, trained_on, out)
    warnings = (*trained.warnings, *unplaced(train))
    return dataclasses.replace(trained, warnings=warnings), rounds, len(train)


def _learn_bags(
    experiment: Experiment, cohort: Cohort, out: Path, first: Mapping[str, Tensor] | None
) -> tuple[FitResult, list[Round], int]:
    """Diagnosis of bags: the model, no rounds, how many bags it learnt from."""
    task = task_of(cohort, experiment.bags.task)
    train = gather_bags(cohort.part("train"), cohort.classes, task)
    labelled = [case for case in cohort.part("val") if case.labels]
    val = gather_bags(labelled, cohort.classes, task) if labelled else None
    trained = learn_bags(
        experiment, train, val, classes=cohort.classes, task=task, out=out, initial=first
    )
    return trained, [], len(train)


def _unseen(cohort: Cohort, out: Path, start: Path | None, allowed: bool) -> list[str]:
    """Refuse test patients that the weights have seen; warnings where that was allowed."""
    sources = [(start, seen_by(start))] if start else []
    begun = RunState.read(out)
    if begun is not None and last_checkpoint(out):
        sources.append((out, begun.trained_on))
    notes = [require_unseen(cohort, seen, source, allowed) for source, seen in sources]
    return [note for note in notes if note]


def _examples(
    experiment: Experiment, cohort: Cohort, scratch: Path
) -> tuple[Examples, Examples | None, tuple[str, ...]]:
    asked = experiment.supervision
    supervision = SUPERVISIONS.build(asked.name, {"classes": cohort.classes, **asked.options})
    labelled = [case for case in cohort.part("val") if case.labels]
    stains = experiment.stains
    normaliser = NORMALISERS.build(stains.name, stains.options) if stains else None
    read: Callable[..., Examples] = gather
    if experiment.tiles is not None:
        require_same_cohort(experiment.tiles, cohort)
        intensity = INTENSITIES.build(experiment.intensity.name, experiment.intensity.options)
        read = partial(gather_tiles, experiment.tiles, looks=Looks(intensity, normaliser))
    else:
        # Scores are those of the grid of the files, so only the training part is resampled.
        read = partial(gather, spacing_mm=experiment.volumes.spacing_mm)
    train = read(cohort.part("train"), supervision, scratch / "train", "train")
    read = gather if experiment.tiles is None else read
    val = read(labelled, supervision, scratch / "val", "val") if labelled else None
    if experiment.tiles is None:
        train, val = restained(train, normaliser), restained(val, normaliser) if val else None
    if train.volumes:
        code = across(train.geometries)
        train, val = train.turned(code), val.turned(code) if val else None
    return train, val, supervision.channels


def _as_used(model_config: ModelConfig, experiment: Experiment) -> ModelConfig:
    """With the change of stains, and the grid of the tiles, so that slides are read as they were.

    In training the images were changed already, so the model_config did not speak of it.
    """
    used = dataclasses.replace(model_config, stains=experiment.stains)
    if experiment.tiles is None:
        return used
    head = Head.read(experiment.tiles)
    spacing = None if head.spacing_mm is None else head.spacing_mm * 1000
    return dataclasses.replace(used, spacing_um=spacing, factor=head.factor)


def _first_weights(source: Path) -> dict[str, Tensor]:
    return read_weights(source / WEIGHTS if source.is_dir() else source)


def _record(
    experiment: Experiment,
    begun: RunState,
    trained: FitResult,
    notes: Sequence[str],
    images: int,
    rounds: Sequence[Round],
) -> RunRecord:
    return RunRecord(
        thresholds=trained.thresholds,
        trained_on=begun.trained_on,
        split_hash=begun.split_hash,
        seed=experiment.training.seed,
        seconds=round(trained.seconds, 3),
        versions=machine.versions(),
        machine=machine.describe(),
        prior=[dataclasses.asdict(prior) for prior in trained.priors]
        or experiment.loss.options.get("prior"),
        warnings=(*notes, *trained.warnings),
        largest=trained.largest,
        facts={
            "steps": trained.steps,
            "best_step": trained.best_step,
            "non_finite_steps": trained.skipped,
            "precision": trained.precision,
            "parameters": sum(p.numel() for p in trained.model.parameters()),
            "images": images,
            "start": begun.start,
            **({"orientation": lies} if (lies := trained.model_config.orientation) else {}),
            "rounds": [dataclasses.asdict(record) for record in rounds],
            **trained.facts,
        },
    )
