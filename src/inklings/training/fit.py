"""From a seed to weights: the one training that every task goes through."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from inklings.data.batches import BatchSource
from inklings.errors import InklingsError, SpecError
from inklings.inference.device import best_device
from inklings.losses.base import Loss
from inklings.models.base import BagNetwork, Model
from inklings.models.weights import fit_weights
from inklings.runs.run import ModelConfig
from inklings.runs.weights import load_weights
from inklings.spec import Training
from inklings.training import machine
from inklings.training.callbacks import (
    CheckpointCallback,
    Draws,
    ValidationCallback,
    Validator,
    step_file,
)
from inklings.training.monitor import History, Monitor
from inklings.training.operating_point import OperatingPoint
from inklings.training.run_state import last_checkpoint
from inklings.training.trainer import is_first, run, total_steps


@dataclass(frozen=True)
class Prepared:
    """All that `fit` is told: what learns, from what, and how it is judged.

    Attributes:
        model_config: What the network takes and returns.
        build: The network with random weights, on the seed of the training.
        loss: What it is told.
        batches: From rank and number of processes to the batches of this one.
        count: Images, bags or cases, which is what an epoch goes once through.
        operating_point: Chooses how to cut what the trained network says.
        initial: First weights, by name; None for random ones.
        partly: Whether first weights of a part of the network will do, an encoder say.
        freeze: Switches off what shall not learn.
        memory_format: Of the weights; None leaves them as they are built.
        validator: Scores weights on held-out cases; None where there are none.
        gallery: From a folder to what draws pictures into it; None for none.
        facts: Kept with the weights.
        warnings: A sentence each, kept with the weights.
    """

    model_config: ModelConfig
    build: Callable[[], Model]
    loss: Loss
    batches: Callable[[int, int], BatchSource]
    count: int
    operating_point: Callable[[Model], OperatingPoint]
    initial: Mapping[str, Tensor] | None = None
    partly: bool = False
    freeze: Callable[[Model], None] | None = None
    memory_format: torch.memory_format | None = None
    validator: Validator | None = None
    gallery: Callable[[Path], Draws] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kept:
    """Weights of a step on the way (``training.keep_steps``), and how their answers are cut."""

    step: int
    weights: Path
    point: OperatingPoint


@dataclass(frozen=True)
class FitResult:
    """What a training returns.

    Attributes:
        model: In evaluation mode, on the processor, with the weights that are to be used: the
            best on validation where there was one, else the last; averaged if asked for.
        model_config: What the model takes and returns.
        point: How its answers are cut.
        history: Rows of numbers by step.
        steps: Optimiser steps taken.
        best_step: Where the weights come from.
        seconds: In the training loop, validation and checkpoints included.
        here: Those of them that this process spent, and when (`time.monotonic`) they were over.
        skipped: Micro-batches left out because they were not finite.
        warnings: A sentence each.
        precision: As Lightning names it.
        facts: Whatever else is worth keeping with the weights.
        kept: Weights on the way that were to be kept.
    """

    model: Model
    model_config: ModelConfig
    point: OperatingPoint
    history: tuple[Mapping[str, float], ...]
    steps: int
    best_step: int
    seconds: float
    skipped: int
    warnings: tuple[str, ...]
    precision: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    kept: tuple[Kept, ...] = ()
    here: tuple[float, float] = (0.0, 0.0)

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Probability from which the answer is yes, one for each class."""
        return self.point.thresholds


def fit(training: Training, prepared: Prepared, out: Path | None = None) -> FitResult:
    """Train what ``prepared`` says; nothing is written unless ``out`` is given.

    Args:
        training: How long and how.
        prepared: What, from what, and how it is judged.
        out: Folder for checkpoints, logs and pictures; its last checkpoint is gone on from.

    Raises:
        DataError: If no step counted.
        SpecError: If the first weights do not fit, or a step that is to be kept never comes.
    """
    _require_reached(training, prepared.count)
    torch.manual_seed(training.seed)
    model = begun(prepared)
    history = History(out / "metrics.csv" if out else None)
    gallery = prepared.gallery(out / "samples") if out and prepared.gallery else None
    monitor = Monitor(history)
    validation = ValidationCallback(history, prepared.validator, gallery)
    callbacks: list[Callback] = [monitor, validation]
    if out is not None:
        if last_checkpoint(out) is None:
            for file in _kept_files(out):
                file.unlink()
        callbacks.append(CheckpointCallback(history, out / "checkpoints" / "last"))
    learner = run(training, prepared.count, prepared.batches, model, prepared.loss, callbacks, out)
    here = (learner.clock.here, time.monotonic())
    with learner.averaged():
        state = validation.best or {k: v.detach().clone() for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    model = model.to(best_device()).eval()  # held-out cases are many: not on the processor
    kept = _kept(prepared, model, out) if out is not None and is_first() else ()
    if kept:
        model.load_state_dict(state)
    steps = learner.seen // training.accumulate
    if is_first():
        history.write()
        if gallery is not None:
            gallery.draw(model, steps, ())
    point, doubts = _point(prepared, model)
    return FitResult(
        model=model.cpu(),
        model_config=replace(prepared.model_config, divisor=model.divisor),
        point=point,
        history=tuple(history.rows),
        steps=steps,
        best_step=validation.best_step or steps,
        seconds=learner.clock.seconds(),
        skipped=learner.skipped,
        warnings=(*prepared.warnings, *learner.parts.notes, *monitor.warnings, *doubts),
        precision=machine.precision(training.precision),
        facts={**prepared.facts, **point.facts},
        kept=kept,
        here=here,
    )


def _point(prepared: Prepared, model: Model) -> tuple[OperatingPoint, tuple[str, ...]]:
    """Where answers are cut; one half, with a warning, where held-out cases cannot say.

    What they lack is looked for before the first step; a training is not lost to what was not.
    """
    try:
        return prepared.operating_point(model), ()
    except InklingsError as error:
        if prepared.model_config.activation == "identity":
            raise
        half = OperatingPoint((0.5,) * len(prepared.model_config.classes))
        return half, (f"no threshold could be chosen, one half stands: {error}",)


def _require_reached(training: Training, count: int) -> None:
    asked, last = training.keep_steps, total_steps(training, count)
    beyond = [step for step in ((asked,) if isinstance(asked, int) else asked) if step > last]
    if beyond:
        raise SpecError(
            f"training.keep_steps: expected steps up to the last one, {last}, got {beyond[0]}"
        )


def _kept_files(out: Path) -> list[Path]:
    return sorted((out / "checkpoints").glob(step_file(Path(), "*").name))


def _kept(prepared: Prepared, model: Model, out: Path) -> tuple[Kept, ...]:
    """What was kept on the way; ``model`` ends with the weights of the last of them."""
    found = []
    for file in _kept_files(out):
        load_weights(model, file)
        step = int(file.stem.partition("-")[2])
        found.append(Kept(step, file, _point(prepared, model)[0]))
    return tuple(found)


def begun(prepared: Prepared) -> Model:
    """The network before its first step."""
    model = prepared.build()
    if prepared.initial is not None:
        own = model.state_dict() if prepared.partly else {}
        fit_weights(model, {**own, **prepared.initial}, "the first weights")
    if prepared.freeze is not None:
        prepared.freeze(model)
    prepared.loss.attach(model)
    if isinstance(model, BagNetwork):
        model.answer_instances(prepared.loss.reads_instances)
    if prepared.memory_format is not None:
        model = model.to(memory_format=prepared.memory_format)
    return model
