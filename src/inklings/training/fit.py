"""Train: the one place where a Lightning Trainer is built.

`fit` goes from an experiment and its cohort to a run folder; `learn` from arrays in memory to a
model, which is what studies and label correction use.
"""

from __future__ import annotations

import logging
import math
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.rank_zero import _get_rank
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from inklings import progress
from inklings.cases.cohort import Cohort
from inklings.errors import SpecError
from inklings.inference.run import Blueprint, Record, write_model
from inklings.losses import LOSSES
from inklings.spec import Experiment
from inklings.supervision import SUPERVISIONS
from inklings.training import checkpoint, machine
from inklings.training.batches import Batches
from inklings.training.checkpoint import SafeCheckpointIO
from inklings.training.examples import Examples, Prepare, gather, resized, with_background
from inklings.training.folder import (
    Begun,
    last_checkpoint,
    may_start,
    require_trainable,
    require_unseen,
    seen_by,
)
from inklings.training.initial import fill, read_weights
from inklings.training.keeper import Keeper, Saver
from inklings.training.loggers import build_loggers
from inklings.training.module import Learner
from inklings.training.monitor import History, Monitor
from inklings.training.pictures import Gallery
from inklings.training.thresholds import choose
from inklings.training.validation import Validator


@dataclass(frozen=True)
class Trained:
    """What a training returns.

    Attributes:
        model: In evaluation mode, on the processor, with the weights that are to be used: the
            best on validation where there was one, else the last; averaged if asked for.
        blueprint: What the model takes and returns.
        thresholds: One for each class.
        history: Rows of numbers by step.
        steps: Optimiser steps taken.
        best_step: Where the weights come from.
        seconds: In the training loop, validation and checkpoints included.
        skipped: Micro-batches left out because they were not finite.
        warnings: A sentence each.
        precision: As Lightning names it.
    """

    model: nn.Module
    blueprint: Blueprint
    thresholds: tuple[float, ...]
    history: tuple[Mapping[str, float], ...]
    steps: int
    best_step: int
    seconds: float
    skipped: int
    warnings: tuple[str, ...]
    precision: str


def fit(
    experiment: Experiment,
    out: Path,
    *,
    resume: bool = False,
    start: Path | None = None,
    allow_seen_test_patients: bool = False,
    prepare: Prepare | None = None,
) -> Path:
    """Train what ``experiment`` says and leave a run folder.

    Args:
        experiment: What to do.
        out: The run folder; an unfinished run of the same experiment in it is gone on with.
        resume: Whether a finished run there is fine, too (nothing is done then).
        start: Run folder or weights file to begin from; None for random weights.
        allow_seen_test_patients: Train although ``start`` has seen test patients.
        prepare: Called with the training and validation examples before training; returns what
            to train on instead, for corrected labels.

    Returns:
        ``out``.

    Raises:
        DataError: If cohort, labels or weights are not fit for it.
        SpecError: If the experiment cannot be, or another run is in the way.
    """
    cohort = Cohort.read(experiment.cohort)
    require_trainable(cohort, experiment.cohort)
    if _is_first() and not may_start(out, experiment, resume):
        return out
    begun = Begun.read(out)
    sources = [(start, seen_by(start))] if start else []
    if begun is not None and last_checkpoint(out):
        sources.append((out, begun.trained_on))
    notes = [
        warning
        for source, seen in sources
        if (warning := require_unseen(cohort, seen, source, allow_seen_test_patients))
    ]
    used = [*cohort.part("train"), *cohort.part("val")]
    begun = Begun(
        cohort.split_hash, tuple(sorted({case.patient for case in used})), str(start or "")
    )
    if _is_first():
        out.mkdir(parents=True, exist_ok=True)
        experiment.write(out / "experiment.yaml")
        begun.write(out)
    scratch = out / "scratch"
    try:
        train, val, channels = _examples(experiment, cohort, scratch)
        if prepare is not None:
            train, val = prepare(train, val)
        trained = learn(
            experiment,
            train,
            val,
            classes=cohort.classes,
            channels=channels,
            out=out,
            initial=read_weights(start) if start else None,
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if _is_first():
        _write(out, experiment, begun, trained, notes, {"images": len(train)})
    return out


def _examples(
    experiment: Experiment, cohort: Cohort, scratch: Path
) -> tuple[Examples, Examples | None, tuple[str, ...]]:
    asked = experiment.supervision
    supervision = SUPERVISIONS.build(asked.name, {"classes": cohort.classes, **asked.options})
    train = gather(cohort.part("train"), supervision, scratch / "train", "train")
    labelled = [case for case in cohort.part("val") if case.labels]
    val = gather(labelled, supervision, scratch / "val", "val") if labelled else None
    return train, val, supervision.channels


def learn(
    experiment: Experiment,
    train: Examples,
    val: Examples | None = None,
    *,
    classes: Sequence[str] = ("object",),
    channels: Sequence[str] | None = None,
    out: Path | None = None,
    initial: Mapping[str, Tensor] | None = None,
) -> Trained:
    """Train on arrays in memory; nothing is written unless ``out`` is given.

    Args:
        experiment: Of which the cohort, correction and supervision are not looked at.
        train: What to learn from.
        val: Chooses the thresholds and, with ``training.validate_every``, the best weights.
        classes: Names of the classes.
        channels: Names of the channels of the targets, if there are more than the classes.
        out: Folder for checkpoints, logs and pictures; its last checkpoint is gone on from.
        initial: First weights, by name.
    """
    spec = experiment.training
    if spec.deterministic and spec.minutes:
        raise SpecError(
            "training.deterministic: expected a run bounded by steps or epochs, got minutes too; "
            "a clock never gives the same weights twice"
        )
    loss: Any = LOSSES.build(experiment.loss.name, experiment.loss.options)
    exclusive = bool(getattr(loss, "exclusive", False))
    if not len(train):
        raise SpecError("expected at least one image to train on, got none")
    train = _fitted(train, experiment, exclusive)
    val = _fitted(val, experiment, exclusive) if val is not None and len(val) else None
    names = tuple(channels or classes)
    blueprint = Blueprint(
        model=experiment.model,
        in_channels=train.channels,
        channels=("background", *names) if exclusive else names,
        classes=tuple(classes),
        activation="softmax" if exclusive else "sigmoid",
        intensity=experiment.intensity,
        resize=experiment.sampling.size if experiment.sampling.resize else None,
    )
    _require_channels(train, blueprint)
    torch.manual_seed(spec.seed)
    model = blueprint.build()
    if initial is not None:
        fill(model, initial, "--from")
    blueprint = _with_divisor(blueprint, model)
    return _run(experiment, model, loss, train, val, blueprint, out)


def _is_first() -> bool:
    """Whether this is the only process, or the first of several."""
    return not _get_rank()


def _fitted(examples: Examples, experiment: Experiment, exclusive: bool) -> Examples:
    if experiment.sampling.resize:
        examples = resized(examples, experiment.sampling.size)
    return with_background(examples) if exclusive else examples


def _require_channels(train: Examples, blueprint: Blueprint) -> None:
    got = len(train.targets[0].value)
    if got != len(blueprint.channels):
        raise SpecError(
            f"expected targets with channels {', '.join(blueprint.channels)}, got {got} channels"
        )


def _with_divisor(blueprint: Blueprint, model: nn.Module) -> Blueprint:
    values = {k: getattr(blueprint, k) for k in blueprint.__dataclass_fields__}
    return Blueprint(**{**values, "divisor": int(getattr(model, "divisor", 1))})


def _run(
    experiment: Experiment,
    model: nn.Module,
    loss: nn.Module,
    train: Examples,
    val: Examples | None,
    blueprint: Blueprint,
    out: Path | None,
) -> Trained:
    spec = experiment.training
    precision = machine.precision(spec.precision)
    model = model.to(memory_format=torch.channels_last)
    history = History(out / "metrics.csv" if out else None)
    validator = Validator(val, experiment, precision) if val is not None else None
    gallery = Gallery(out / "samples") if out else None
    monitor = Monitor(history, spec.log_every)
    keeper = Keeper(history, validator, gallery)
    callbacks: list[Callback] = [monitor, keeper]
    if out is not None:
        callbacks.append(Saver(history, out / "checkpoints"))
    with _quiet_lightning(), _deterministic(spec.deterministic):
        steps = total_steps(experiment, len(train))
        trainer = _trainer(experiment, steps, precision, callbacks, out)
        batches = Batches(
            train,
            experiment.sampling,
            experiment.intensity,
            spec.batch_size,
            spec.seed,
            trainer.global_rank,
            trainer.world_size,
        )
        learner = Learner(model, loss, spec, batches, steps)
        trainer.fit(learner, ckpt_path=_checkpoint(out))
        seconds = learner.clock.seconds()
    with learner.averaged():
        final = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}
    model.load_state_dict(keeper.best or final)
    model = model.cpu().eval()
    if gallery is not None and _is_first():
        viewed = validator or Validator(train, experiment, precision)
        gallery.draw(model, viewed, learner.exclusive, trainer.global_step, ())
    history.write()
    return Trained(
        model=model,
        blueprint=blueprint,
        thresholds=_thresholds(experiment, model, validator, blueprint),
        history=tuple(history.rows),
        steps=trainer.global_step,
        best_step=keeper.best_step or trainer.global_step,
        seconds=seconds,
        skipped=learner.skipped,
        warnings=tuple(monitor.warnings),
        precision=precision,
    )


def total_steps(experiment: Experiment, images: int) -> int:
    """Optimiser steps of a run; an epoch sees as many crops as there are images."""
    spec = experiment.training
    if spec.steps is not None:
        return spec.steps
    assert spec.epochs is not None
    return math.ceil(spec.epochs * images / (spec.batch_size * spec.accumulate))


def _trainer(
    experiment: Experiment, steps: int, precision: Any, callbacks: list[Callback], out: Path | None
) -> pl.Trainer:
    spec = experiment.training
    return pl.Trainer(
        accelerator="auto",
        devices=spec.devices,
        num_nodes=spec.nodes,
        precision=precision,
        max_steps=steps,
        max_epochs=-1,
        accumulate_grad_batches=spec.accumulate,
        gradient_clip_val=spec.clip_gradient,
        callbacks=callbacks,
        logger=build_loggers(spec.loggers, out),
        plugins=[SafeCheckpointIO()],
        deterministic="warn" if spec.deterministic else None,
        default_root_dir=out,
        sync_batchnorm=torch.cuda.is_available() and spec.devices != 1,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
    )


def _checkpoint(out: Path | None) -> Path | None:
    found = last_checkpoint(out) if out else None
    if found is not None:
        progress.note(f"train: going on from step {checkpoint.load_step(found)}")
    return found


def _thresholds(
    experiment: Experiment, model: nn.Module, validator: Validator | None, blueprint: Blueprint
) -> tuple[float, ...]:
    asked = experiment.inference.threshold
    if asked != "auto":
        return (asked,) * len(blueprint.classes)
    if validator is None or not validator.examples.complete:
        return (0.5,) * len(blueprint.classes)
    exclusive = blueprint.activation == "softmax"
    examples = validator.examples
    chosen = choose(
        (validator.dense(model, i, exclusive), target) for i, target in enumerate(examples.targets)
    )
    return tuple(chosen[blueprint.channels.index(name)] for name in blueprint.classes)


def _write(
    out: Path,
    experiment: Experiment,
    begun: Begun,
    trained: Trained,
    notes: Sequence[str],
    facts: Mapping[str, Any],
) -> None:
    write_model(out, trained.model, trained.blueprint)
    Record(
        thresholds=trained.thresholds,
        trained_on=begun.trained_on,
        split_hash=begun.split_hash,
        seed=experiment.training.seed,
        seconds=round(trained.seconds, 3),
        versions=machine.versions(),
        machine=machine.describe(),
        prior=experiment.loss.options.get("prior"),
        warnings=(*notes, *trained.warnings),
        facts={
            "steps": trained.steps,
            "best_step": trained.best_step,
            "non_finite_steps": trained.skipped,
            "precision": trained.precision,
            "parameters": sum(p.numel() for p in trained.model.parameters()),
            "start": begun.start,
            **facts,
        },
    ).write(out)


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Lightning's notes and hints say nothing that a user of this program could act on."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", message=".*training_step.*returned.*None")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _deterministic(wanted: bool) -> Iterator[None]:
    before = torch.are_deterministic_algorithms_enabled()
    try:
        yield
    finally:
        if wanted:
            torch.use_deterministic_algorithms(before)
