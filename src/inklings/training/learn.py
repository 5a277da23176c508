"""From arrays in memory to a model that segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from inklings.data import INTENSITIES
from inklings.data.batches import Batches
from inklings.data.examples import Examples, resized, with_background
from inklings.data.slice_examples import sliced
from inklings.data.volumes import require_dimensions, require_volumes_possible
from inklings.errors import SpecError
from inklings.inference.dense import OF_VOLUMES
from inklings.losses import LOSSES
from inklings.models.weights import fit_weights
from inklings.orientation import AS_STORED
from inklings.runs.run import ModelConfig
from inklings.spec import Experiment
from inklings.supervision.prior import Prior
from inklings.training import machine
from inklings.training.callbacks import CheckpointCallback, ValidationCallback
from inklings.training.monitor import History, Monitor
from inklings.training.pictures import Gallery
from inklings.training.trainer import is_first, run
from inklings.training.validation import SegmentationValidator


@dataclass(frozen=True)
class FitResult:
    """What a training returns.

    Attributes:
        model: In evaluation mode, on the processor, with the weights that are to be used: the
            best on validation where there was one, else the last; averaged if asked for.
        model_config: What the model takes and returns.
        thresholds: One for each class.
        priors: Estimated share of positives of each class; empty where no threshold needed it.
        history: Rows of numbers by step.
        steps: Optimiser steps taken.
        best_step: Where the weights come from.
        seconds: In the training loop, validation and checkpoints included.
        skipped: Micro-batches left out because they were not finite.
        warnings: A sentence each.
        precision: As Lightning names it.
        largest: Classes of which the largest connected part of a volume alone counts.
        facts: Whatever else is worth keeping with the weights.
    """

    model: nn.Module
    model_config: ModelConfig
    thresholds: tuple[float, ...]
    priors: tuple[Prior, ...]
    history: tuple[Mapping[str, float], ...]
    steps: int
    best_step: int
    seconds: float
    skipped: int
    warnings: tuple[str, ...]
    precision: str
    largest: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def learn(
    experiment: Experiment,
    train: Examples,
    val: Examples | None = None,
    *,
    classes: Sequence[str] = ("object",),
    channels: Sequence[str] | None = None,
    out: Path | None = None,
    initial: Mapping[str, Tensor] | None = None,
) -> FitResult:
    """Train on arrays in memory; nothing is written unless ``out`` is given.

    Args:
        experiment: Of which the cohort, correction and supervision are not looked at.
        train: What to learn from.
        val: Chooses the thresholds and, with ``training.validate_every``, the best weights.
        classes: Names of the classes.
        channels: Names of the channels of the targets, if there are more than the classes.
        out: Folder for checkpoints, logs and pictures; its last checkpoint is gone on from.
        initial: First weights, by name.

    Raises:
        SpecError: If the experiment asks for something impossible.
    """
    _require_possible(experiment, train, len(channels or classes))
    if train.volumes:
        require_volumes_possible(experiment)
    elif experiment.inference.pieces != "all":
        raise SpecError(f"inference.pieces {experiment.inference.pieces!r}: {OF_VOLUMES}")
    if experiment.inference.threshold == "prior":
        _require_positives(val, classes)
    loss: Any = LOSSES.build(experiment.loss.name, experiment.loss.options)
    model_config = _blueprint(
        experiment, train, classes, channels or classes, getattr(loss, "exclusive", False)
    )
    torch.manual_seed(experiment.training.seed)
    model = model_config.build()
    if initial is not None:
        fit_weights(model, initial, "the first weights")
    if hasattr(loss, "attach"):  # a loss that asks the network more than once
        loss.attach(model)
    if train.volumes:
        require_dimensions(model, experiment.volumes)
    if not (train.volumes and experiment.volumes.view == "patches"):
        model = model.to(memory_format=torch.channels_last)
    model_config = replace(model_config, divisor=int(getattr(model, "divisor", 1)))
    validator = (
        SegmentationValidator(val, experiment, model_config)
        if val is not None and len(val)
        else None
    )

    history = History(out / "metrics.csv" if out else None)
    shown = validator or SegmentationValidator(train, experiment, model_config)
    gallery = Gallery(out / "samples", shown) if out else None
    monitor, keeper = Monitor(history), ValidationCallback(history, validator, gallery)
    callbacks: list[Callback] = [monitor, keeper]
    if out is not None:
        callbacks.append(CheckpointCallback(history, out / "checkpoints" / "last"))
    reads_unlabelled = bool(getattr(loss, "reads_unlabelled", False))
    fitted = _fitted(train, experiment, model_config, reads_unlabelled)
    spec = experiment.training

    def batches(rank: int, world: int) -> Batches:
        how = (experiment.sampling, experiment.intensity, spec.batch_size, spec.seed)
        return Batches(fitted, *how, rank, world, experiment.volumes.patch)

    learner = run(experiment, len(fitted), batches, model, loss, callbacks, out)

    with learner.averaged():
        state = keeper.best or {k: v.detach().clone() for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    model = model.cpu().eval()
    steps = learner.seen // experiment.training.accumulate
    if out is not None and is_first():
        history.write()
    if gallery is not None and is_first():
        gallery.draw(model, steps, ())
    thresholds, priors = _thresholds(experiment, model, validator, model_config)
    return FitResult(
        model=model,
        model_config=model_config,
        thresholds=thresholds,
        priors=priors,
        history=tuple(history.rows),
        steps=steps,
        best_step=keeper.best_step or steps,
        seconds=learner.clock.seconds(),
        skipped=learner.skipped,
        warnings=tuple(monitor.warnings),
        precision=machine.precision(experiment.training.precision),
        largest=_largest(experiment, model, validator, model_config, thresholds),
    )


def _require_possible(experiment: Experiment, train: Examples, channels: int) -> None:
    spec = experiment.training
    if not len(train):
        raise SpecError("expected at least one image to train on, got none")
    if len(train.targets[0].value) != channels:
        raise SpecError(
            f"expected targets with {channels} channels, got {len(train.targets[0].value)}"
        )
    if spec.deterministic and spec.minutes:
        raise SpecError(
            "training.deterministic: expected a run bounded by steps or epochs, got minutes too; "
            "a clock never gives the same weights twice"
        )
    if spec.patience and not spec.validate_every:
        raise SpecError(
            "training.patience: expected validate_every with it, got none; early stopping counts "
            "validations"
        )


def _require_positives(val: Examples | None, classes: Sequence[str]) -> None:
    """Without known positives on held-out images no prior can be estimated: say so at once."""
    targets = val.targets if val is not None else ()
    for k, name in enumerate(classes):
        if not any((target.value[k][target.known] > 0).any() for target in targets):
            raise SpecError(
                f"inference.threshold 'prior' needs labelled {name} in the validation part, got "
                f"none in {len(targets)} images; give the split a larger share of val, or a number"
            )


def _blueprint(
    experiment: Experiment,
    train: Examples,
    classes: Sequence[str],
    channels: Sequence[str],
    exclusive: bool,
) -> ModelConfig:
    volumes = experiment.volumes if train.volumes else None
    side = experiment.sampling.size
    return ModelConfig(
        model=experiment.model,
        in_channels=train.channels * (volumes.planes if volumes else 1),
        channels=("background", *channels) if exclusive else tuple(channels),
        classes=tuple(classes),
        activation="softmax" if exclusive else "sigmoid",
        intensity=experiment.intensity,
        resize=experiment.sampling.size if experiment.sampling.resize else None,
        volumes=volumes,
        window=(volumes.patch or (side,) * 3) if volumes and volumes.view == "patches" else None,
        inputs=tuple(train.inputs),
        orientation=(train.orientation or AS_STORED) if volumes else None,
    )


def _fitted(
    train: Examples, experiment: Experiment, model_config: ModelConfig, unlabelled: bool
) -> Examples:
    """The examples as batches are cut from them."""
    if train.volumes and experiment.volumes.view != "patches":
        asked = experiment.intensity
        intensity = INTENSITIES.build(asked.name, asked.options)
        train = sliced(train, experiment.volumes, intensity, unlabelled)
    if experiment.sampling.resize:
        train = resized(train, experiment.sampling.size)
    return with_background(train) if model_config.activation == "softmax" else train


def _thresholds(
    experiment: Experiment,
    model: nn.Module,
    validator: SegmentationValidator | None,
    model_config: ModelConfig,
) -> tuple[tuple[float, ...], tuple[Prior, ...]]:
    """Where to cut each class, and the class priors where the experiment asks for them."""
    asked, count = experiment.inference.threshold, len(model_config.classes)
    if not isinstance(asked, str):
        return (asked,) * count, ()
    if asked == "prior" and validator is not None:
        priors = validator.priors(model, experiment.training.seed)
        return tuple(threshold for _, threshold in priors), tuple(prior for prior, _ in priors)
    if validator is None or not validator.examples.judges:
        return (0.5,) * count, ()
    return validator.thresholds(model), ()


def _largest(
    experiment: Experiment,
    model: nn.Module,
    validator: SegmentationValidator | None,
    model_config: ModelConfig,
    thresholds: Sequence[float],
) -> tuple[str, ...]:
    """Classes that are one piece; ``auto`` asks what is known of the validation part."""
    asked = experiment.inference.pieces
    if asked == "auto" and validator is not None:
        return tuple(model_config.classes[k] for k in validator.in_one_piece(model, thresholds))
    return model_config.classes if asked == "largest" else ()
