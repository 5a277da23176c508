"""From arrays in memory to a model that segments."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from inklings.data import INTENSITIES
from inklings.data.batches import Batches
from inklings.data.examples import Examples, resized, with_background
from inklings.data.far_background import Reach, assumed_reach, with_far_background
from inklings.data.slice_examples import sliced
from inklings.data.volumes import require_volumes_possible
from inklings.errors import SpecError
from inklings.inference.dense import OF_VOLUMES
from inklings.losses import LOSSES
from inklings.orientation import AS_STORED
from inklings.progress import note
from inklings.runs.run import ModelConfig
from inklings.spec import SegmentationExperiment
from inklings.tasks.base import require_possible
from inklings.training.fit import FitResult, Prepared, fit
from inklings.training.operating_point import SegmentationPoint
from inklings.training.pictures import Gallery
from inklings.training.validation import SegmentationValidator


def learn(
    experiment: SegmentationExperiment,
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
    prepared = prepare(experiment, train, val, classes, channels or classes, initial)
    return fit(experiment.training, prepared, out)


def prepare(
    experiment: SegmentationExperiment,
    train: Examples,
    val: Examples | None,
    classes: Sequence[str],
    channels: Sequence[str],
    initial: Mapping[str, Tensor] | None = None,
) -> Prepared:
    """What `fit` is told of a segmentation; arguments as of `learn`.

    Raises:
        SpecError: If the experiment asks for something impossible.
    """
    require_possible(experiment, validates=True)
    _require_fitting(experiment, train, len(channels))
    if experiment.inference.threshold == "prior":
        _require_positives(val, classes)
    loss = LOSSES.build(experiment.loss.name, experiment.loss.options)
    model_config = _model_config(experiment, train, classes, channels, loss.exclusive)
    validator = (
        SegmentationValidator(val, experiment, model_config)
        if val is not None and len(val)
        else None
    )
    shown = validator or SegmentationValidator(train, experiment, model_config)
    reach = assumed_reach(train)
    if reach is not None and reach.source != "stated":
        note(reach.said(experiment.supervision.name))
    fitted = _fitted(train, experiment, model_config, loss.reads_unlabelled, reach)
    spec = experiment.training

    batches = partial(
        Batches,
        fitted,
        experiment.sampling,
        experiment.intensity,
        spec.batch_size,
        spec.seed,
        patch=experiment.volumes.patch,
    )
    patches = train.volumes and experiment.volumes.view == "3d"
    return Prepared(
        model_config=model_config,
        build=model_config.build,
        loss=loss,
        batches=batches,
        count=len(fitted),
        operating_point=SegmentationPoint(experiment, validator, model_config.classes),
        initial=initial,
        memory_format=None if patches else torch.channels_last,
        validator=validator,
        gallery=partial(Gallery, validator=shown),
        facts={"images": len(train), **({"reach": dataclasses.asdict(reach)} if reach else {})},
    )


def _require_fitting(experiment: SegmentationExperiment, train: Examples, channels: int) -> None:
    if not len(train):
        raise SpecError("expected at least one image to train on, got none")
    if len(train.targets[0].value) != channels:
        raise SpecError(
            f"expected targets with {channels} channels, got {len(train.targets[0].value)}"
        )
    if train.volumes:
        require_volumes_possible(experiment)
    elif experiment.inference.components != "all":
        raise SpecError(f"inference.components {experiment.inference.components!r}: {OF_VOLUMES}")


def _require_positives(val: Examples | None, classes: Sequence[str]) -> None:
    """Without known positives on held-out images no prior can be estimated: say so at once."""
    targets = val.targets if val is not None else ()
    for k, name in enumerate(classes):
        if not any(target.positive(k).any() for target in targets):
            raise SpecError(
                f"inference.threshold 'prior' needs labelled {name} in the validation part, got "
                f"none in {len(targets)} images; give the split a larger share of val, or a number"
            )


def _model_config(
    experiment: SegmentationExperiment,
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
        window=(volumes.patch or (side,) * 3) if volumes and volumes.view == "3d" else None,
        inputs=tuple(train.inputs),
        orientation=(train.orientation or AS_STORED) if volumes else None,
    )


def _fitted(
    train: Examples,
    experiment: SegmentationExperiment,
    model_config: ModelConfig,
    unlabelled: bool,
    reach: Reach | None,
) -> Examples:
    """The examples as batches are cut from them."""
    if train.volumes and experiment.volumes.view != "3d":
        asked = experiment.intensity
        intensity = INTENSITIES.build(asked.name, asked.options)
        train = sliced(train, experiment.volumes, intensity, unlabelled)
    if train.far and reach is not None:  # on the grid on which it was estimated
        train = with_far_background(train, reach.distance)
    if experiment.sampling.resize:
        train = resized(train, experiment.sampling.size)
    return with_background(train) if model_config.activation == "softmax" else train
