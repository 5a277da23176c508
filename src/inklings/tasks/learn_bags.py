"""From bags to a model that diagnoses them, through the same Trainer as everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from inklings.bags.calibration import INSTANCE_SCALE
from inklings.bags.task import Task, channels
from inklings.data.bag_batches import BagBatches
from inklings.data.bag_examples import BagExamples
from inklings.errors import SpecError
from inklings.losses import LOSSES
from inklings.models import MODELS
from inklings.models.weights import fit_weights
from inklings.runs.run import ModelConfig
from inklings.spec import Component, Experiment
from inklings.training import machine
from inklings.training.bag_validation import BagValidator
from inklings.training.callbacks import CheckpointCallback, ValidationCallback
from inklings.training.learn import FitResult
from inklings.training.monitor import History, Monitor
from inklings.training.trainer import is_first, run

_SEEN_FOR_SCALE = 20_000  # instances that mean and spread of the inputs are taken from


def takes_bags(experiment: Experiment) -> bool:
    """Whether the model of an experiment wants bags."""
    return bool(getattr(MODELS.get(experiment.model.name), "takes_bags", False))


def learn_bags(
    experiment: Experiment,
    train: BagExamples,
    val: BagExamples | None,
    *,
    classes: Sequence[str],
    task: Task,
    out: Path | None = None,
    initial: Mapping[str, Tensor] | None = None,
) -> FitResult:
    """Train on bags; nothing is written unless ``out`` is given.

    Args:
        experiment: Of which the cohort is not looked at.
        train: What to learn from.
        val: Chooses the thresholds and, with ``training.validate_every``, the best weights.
        classes: Names of the classes.
        task: What is asked of a bag.
        out: Folder for checkpoints and logs; its last checkpoint is gone on from.
        initial: First weights, by name; those of an encoder alone will do.

    Raises:
        SpecError: If the experiment asks for something impossible.
    """
    _require_possible(experiment)
    loss: Any = loss_of(experiment.loss, task)
    model_config = blueprint_of(experiment, train.shape, classes, task)
    model = first_model(experiment, model_config, train)
    if initial is not None:
        fit_weights(model, {**model.state_dict(), **initial}, "the first weights")
    if hasattr(loss, "attach"):
        loss.attach(model)
    judge = BagValidator(val) if val is not None and len(val) else None
    history = History(out / "metrics.csv" if out else None)
    monitor, keeper = Monitor(history), ValidationCallback(history, judge, None)
    callbacks: list[Callback] = [monitor, keeper]
    if out is not None:
        callbacks.append(CheckpointCallback(history, out / "checkpoints" / "last"))
    spec = experiment.training

    def batches(rank: int, world: int) -> BagBatches:
        return BagBatches(train, experiment.bags, spec.batch_size, spec.seed, rank, world)

    learner = run(experiment, len(train), batches, model, loss, callbacks, out)
    with learner.averaged():
        state = keeper.best or {k: v.detach().clone() for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    model = model.cpu().eval()
    steps = learner.seen // spec.accumulate
    if out is not None and is_first():
        history.write()
    return FitResult(
        model=model,
        model_config=model_config,
        thresholds=thresholds_of(experiment, model, judge, task, len(classes)),
        priors=(),
        history=tuple(history.rows),
        steps=steps,
        best_step=keeper.best_step or steps,
        seconds=learner.clock.seconds(),
        skipped=learner.skipped,
        warnings=tuple(monitor.warnings),
        precision=machine.precision(spec.precision),
        facts=_instance_facts(model, judge, task),
    )


def _instance_facts(model: Any, judge: BagValidator | None, task: Task) -> dict[str, Any]:
    """How numbers of instances become probabilities, where held-out bags can say."""
    asks = task in ("binary", "multilabel") and getattr(model, "evidence", "") == "score"
    if judge is None or not asks:
        return {}
    return {INSTANCE_SCALE: judge.instance_scales(model)}


def loss_of(asked: Component, task: Task) -> nn.Module:
    """The loss, whose classes compete if and only if the task says so."""
    wanted = task == "multiclass"
    options = dict(asked.options)
    if asked.name == "bag":
        options.setdefault("exclusive", wanted)
    loss: Any = LOSSES.build(asked.name, options)
    if bool(getattr(loss, "exclusive", False)) != wanted:
        raise SpecError(
            f"loss {asked.name}: the task is {task}, whose classes "
            f"{'exclude' if wanted else 'do not exclude'} one another; loss bag suits every task"
        )
    return loss  # type: ignore[no-any-return]


def first_model(experiment: Experiment, model_config: ModelConfig, train: BagExamples) -> Any:
    """The network before its first step: random weights, inputs scaled to the training bags."""
    torch.manual_seed(experiment.training.seed)
    model: Any = model_config.build()
    if experiment.bags.standardise and hasattr(model, "standardise"):
        model.standardise(_some(train))
    return model


def blueprint_of(
    experiment: Experiment, shape: tuple[int, ...], classes: Sequence[str], task: Task
) -> ModelConfig:
    """What a network for bags of ``shape`` takes and returns."""
    asked = experiment.model
    return ModelConfig(
        model=Component(name=asked.name, options={**asked.options, "shape": list(shape)}),
        in_channels=shape[0],
        channels=channels(task, classes),
        classes=tuple(classes),
        activation="softmax" if task == "multiclass" else "sigmoid",
        task=task,
    )


def _require_possible(experiment: Experiment) -> None:
    spec = experiment.training
    if spec.patience and not spec.validate_every:
        raise SpecError(
            "training.patience: expected validate_every with it, got none; early stopping counts "
            "validations"
        )
    if experiment.inference.threshold == "prior":
        raise SpecError(
            "inference.threshold: 'prior' is for pixels; bags take auto (held-out bags) or a number"
        )


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
    experiment: Experiment, model: nn.Module, judge: BagValidator | None, task: Task, count: int
) -> tuple[float, ...]:
    """Where each class is called: as asked, chosen on held-out bags, or one half."""
    asked = experiment.inference.threshold
    if not isinstance(asked, str):
        return (asked,) * count
    if judge is None or task in ("multiclass", "ordinal"):
        return (0.5,) * count
    return judge.thresholds(model, task)
