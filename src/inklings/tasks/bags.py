"""Bags: one answer for many instances, from the label of the bag alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inklings.bags import task as questions
from inklings.bags.calibration import INSTANCE_SCALE
from inklings.bags.outcomes import outcome_of
from inklings.bags.outcomes.base import FACT, Outcome
from inklings.calibration.evidence import HeldOut
from inklings.cohorts.cohort import Cohort
from inklings.data import build_transforms
from inklings.data.bag_batches import BagBatches
from inklings.data.bag_examples import BagExamples, gather_bags
from inklings.errors import SpecError
from inklings.inference.bag_model import bag_logits
from inklings.losses import LOSSES
from inklings.losses.base import Loss
from inklings.models.base import BagNetwork, Model
from inklings.models.instances import INSTANCE_ENCODERS
from inklings.models.pooling import POOLINGS
from inklings.progress import note
from inklings.runs.run import Activation, ModelConfig, Run
from inklings.spec import BagExperiment, Component
from inklings.tasks.base import FILLED, Task, require, require_possible
from inklings.tasks.drawn import require_runs
from inklings.training.bag_validation import BagValidator
from inklings.training.fit import FitResult, Prepared, fit
from inklings.training.operating_point import OperatingPoint

_SEEN_FOR_SCALE = 20_000  # instances that mean and spread of the inputs are taken from


class BagTask(Task[BagExperiment]):
    """Learns what is true of a bag."""

    takes_bags = True

    def check(self, experiment: BagExperiment, start: Path | None = None) -> None:
        """The parts of a bag model are components, too."""
        super().check(experiment, start)
        options = experiment.model.options
        encoder = Component.model_validate(options.get("encoder", "identity"))
        pooling = Component.model_validate(options.get("pooling", "gated_attention"))
        head = {"head": options["head"]} if "head" in options else {}
        require(INSTANCE_ENCODERS, encoder, shape=FILLED)
        require(POOLINGS, pooling, features=FILLED, channels=FILLED, **head)
        build_transforms(experiment.bags.augment, "instances")
        _require_batch(experiment)

    def prepare(
        self,
        experiment: BagExperiment,
        cohort: Cohort,
        out: Path,  # noqa: ARG002
        initial: Mapping[str, Tensor] | None,
    ) -> Prepared:
        """The bags of the cohort, and a network for instances like theirs."""
        task = questions.task_of(cohort, experiment.bags.task)
        reads = loss_of(experiment.loss, task).reads_unlabelled
        train = gather_bags(cohort.part("train"), cohort.classes, task, unlabelled=reads)
        if left := len(cohort.part("train")) - len(train):
            note(
                f"{left} training bags have no label and are left out: loss "
                f"{experiment.loss.name} reads labelled ones only (nnpu, upu and pnu read all)"
            )
        labelled = [case for case in cohort.part("val") if case.labels]
        val = gather_bags(labelled, cohort.classes, task) if labelled else None
        return prepare(experiment, train, val, cohort.classes, task, initial)

    def held_out(self, run: Run, cohort: Cohort, scratch: Path) -> HeldOut:  # noqa: ARG002
        """What held-out bags say; a number has no probability."""
        task = cast(questions.Task, run.model_config.task)
        labelled = [case for case in cohort.part("val") if case.labels]
        outcome = outcome_of(task)
        if outcome is not None or not labelled:
            came = f"numbers, of bags.task {task}" if outcome else "no held-out bag with a label"
            raise SpecError(f"{run.folder}: expected probabilities to calibrate, got {came}")
        validator = BagValidator(gather_bags(labelled, cohort.classes, task))
        return validator.held_out(run.model, task, run.model_config.channels)


def learn(
    experiment: BagExperiment,
    train: BagExamples,
    val: BagExamples | None,
    *,
    classes: Sequence[str],
    task: questions.Task,
) -> FitResult:
    """Train on bags; nothing is written.

    Args:
        experiment: Of which the cohort is not looked at.
        train: What to learn from.
        val: Chooses the thresholds and, with ``training.validate_every``, the best weights.
        classes: Names of the classes.
        task: What is asked of a bag.

    Raises:
        SpecError: If the experiment asks for something impossible.
    """
    return fit(experiment.training, prepare(experiment, train, val, classes, task))


def prepare(
    experiment: BagExperiment,
    train: BagExamples,
    val: BagExamples | None,
    classes: Sequence[str],
    task: questions.Task,
    initial: Mapping[str, Tensor] | None = None,
) -> Prepared:
    """What `fit` is told of bags; of first weights those of an encoder alone will do.

    Raises:
        SpecError: If the experiment asks for something impossible.
    """
    require_possible(experiment, validates=True)
    model_config = model_config_of(experiment, train.shape, classes, task)
    count = len(model_config.channels)
    require_runs(model_config.build(), experiment, train.shape, (count,))
    spec, stated = experiment.training, train.value.astype(np.float64)
    outcome = _outcome(experiment, stated, task)
    if outcome is not None:
        train, val = scaled(train, outcome), scaled(val, outcome) if val else None
    validator = BagValidator(val, outcome) if val is not None and len(val) else None

    def build() -> Model:
        return first_model(experiment, model_config, train)

    def operating_point(model: Model) -> OperatingPoint:
        if outcome is not None:
            found = outcome.fitted(lambda: bag_logits(model, train.instances)[:, 0], stated)
            return OperatingPoint(facts={FACT: found.facts})
        thresholds = thresholds_of(experiment, model, validator, task, len(classes))
        asked = (model, task, model_config.channels)
        held_out = validator.held_out(*asked) if validator else None
        facts = _instance_facts(model, validator, task)
        return OperatingPoint(thresholds, facts=facts, held_out=held_out)

    return Prepared(
        model_config=model_config,
        build=build,
        loss=loss_of(experiment.loss, task),
        batches=partial(BagBatches, train, experiment.bags, spec.batch_size, spec.seed),
        count=experiment.bags.epoch(len(train)),
        operating_point=operating_point,
        initial=initial,
        partly=True,
        validator=validator,
        facts={"images": len(train)},
        warnings=outcome.warnings(stated, spec.batch_size) if outcome else (),
    )


def _outcome(
    experiment: BagExperiment, stated: NDArray[np.float64], task: questions.Task
) -> Outcome | None:
    """What is known of a number before it is learnt; None where the answer is a class.

    Raises:
        SpecError: If the experiment asks for what means nothing to the task.
    """
    kind, inference = outcome_of(task), experiment.inference
    if kind is None:
        if inference.times:
            raise SpecError(f"inference.times: does not apply to bags.task {task}; leave it out")
        return None
    if inference.threshold != "auto":
        raise SpecError(f"inference.threshold: does not apply to bags.task {task}; leave it out")
    pooling = Component.model_validate(experiment.model.options.get("pooling", "gated_attention"))
    if vars(POOLINGS.get(pooling.name)).get("evidence") == "probability":
        raise SpecError(
            f"model.pooling {pooling.name}: its answer is a probability, and bags.task {task} asks "
            "for a number; take mean, gated_attention or additive"
        )
    return kind.learnt(stated, inference.times)


def scaled(bags: BagExamples, outcome: Outcome) -> BagExamples:
    """With the labels as the loss is told them."""
    value = outcome.scaled(bags.value.astype(np.float64)).astype(np.float32)
    return dataclasses.replace(bags, value=value)


def _require_batch(experiment: BagExperiment) -> None:
    """Raise SpecError where a loss compares bags and a process sees fewer than it needs."""
    loss, training = experiment.loss, experiment.training
    least = LOSSES.build(loss.name, loss.options).least_batch
    devices = training.devices if isinstance(training.devices, int) else 1
    if training.batch_size < least * devices * training.nodes:
        raise SpecError(
            f"training.batch_size: expected {least} or more on each device with loss {loss.name}, "
            f"which compares bags of a batch, got {training.batch_size}"
        )


def _instance_facts(
    model: Model, validator: BagValidator | None, task: questions.Task
) -> dict[str, Any]:
    """How numbers of instances become probabilities, where held-out bags can say."""
    asks = isinstance(model, BagNetwork) and model.evidence == "score"
    if validator is None or not asks or task not in ("binary", "multilabel"):
        return {}
    return {INSTANCE_SCALE: validator.instance_scales(model)}


def loss_of(asked: Component, task: questions.Task) -> Loss:
    """The loss, whose classes compete if and only if the task says so."""
    outcome = outcome_of(task)
    if outcome is not None:
        loss = LOSSES.build(asked.name, asked.options)
        if loss.target != outcome.loss:
            raise SpecError(
                f"loss {asked.name}: the task is {task}, expected loss "
                f"{' or '.join(outcome.losses)}"
            )
        return loss
    wanted = task == "multiclass"
    options = dict(asked.options)
    if asked.name == "bag":
        options.setdefault("exclusive", wanted)
    loss = LOSSES.build(asked.name, options)
    if loss.target != "classes":
        raise SpecError(f"loss {asked.name}: expected one for classes, the task is {task}")
    if loss.exclusive != wanted:
        raise SpecError(
            f"loss {asked.name}: the task is {task}, whose classes "
            f"{'exclude' if wanted else 'do not exclude'} one another; loss bag suits every task"
        )
    return loss


def first_model(
    experiment: BagExperiment, model_config: ModelConfig, train: BagExamples
) -> BagNetwork:
    """The network before its first step: random weights, inputs scaled to the training bags."""
    model = model_config.build()
    assert isinstance(model, BagNetwork)
    if experiment.bags.standardise:
        model.standardise(_some(train))
    return model


def model_config_of(
    experiment: BagExperiment, shape: tuple[int, ...], classes: Sequence[str], task: questions.Task
) -> ModelConfig:
    """What a network for bags of ``shape`` takes and returns."""
    asked = experiment.model
    return ModelConfig(
        model=Component(name=asked.name, options={**asked.options, "shape": list(shape)}),
        in_channels=shape[0],
        channels=questions.channels(task, classes),
        classes=tuple(classes),
        activation=_activation(task),
        task=task,
    )


def _activation(task: questions.Task) -> Activation:
    if outcome_of(task) is not None:
        return "identity"
    return "softmax" if task == "multiclass" else "sigmoid"


def _some(train: BagExamples) -> Tensor:
    """Instances of bags spread over the training part, enough to know mean and spread."""
    order = np.random.default_rng(0).permutation(len(train))
    found, count = [], 0
    for index in order:
        most = train.instances.counts[index]
        rows = None
        if most > _SEEN_FOR_SCALE // 10:
            rows = np.linspace(0, most - 1, _SEEN_FOR_SCALE // 10).astype(np.int64)
        found.append(train.instances.take(int(index), rows))
        count += len(found[-1])
        if count >= _SEEN_FOR_SCALE:
            break
    return torch.from_numpy(np.concatenate(found))


def thresholds_of(
    experiment: BagExperiment,
    model: Model,
    validator: BagValidator | None,
    task: questions.Task,
    count: int,
) -> tuple[float, ...]:
    """Where each class is called: as asked, chosen on held-out bags, or one half."""
    if outcome_of(task) is not None:
        return ()
    asked = experiment.inference.threshold
    if isinstance(asked, float):
        return (asked,) * count
    if validator is None or task in ("multiclass", "ordinal"):
        if asked != "auto":
            note(f"inference.threshold {asked}: no held-out binary bags; one half is used")
        return (0.5,) * count
    wanted = None if isinstance(asked, str) else {str(k): v for k, v in asked.items()}
    return validator.thresholds(model, task, wanted)
