"""What a task is: what `inklings.tasks.train` asks of whatever can be learnt."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import Tensor

from inklings.calibration.evidence import HeldOut
from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.losses import LOSSES
from inklings.losses.base import Loss
from inklings.machine import memory_bytes
from inklings.models import MODELS
from inklings.models.base import Model
from inklings.registry import Registry
from inklings.runs.run import ModelConfig, Run
from inklings.spec import Component, Experiment, Training
from inklings.training import OPTIMISERS, SCHEDULES
from inklings.training.fit import FitResult, Prepared, fit

E = TypeVar("E", bound=Experiment)
FILLED = "given by the trainer"
"""Stands for options that an experiment file cannot give."""


class Task(ABC, Generic[E]):
    """One kind of learning: from an experiment and a cohort to what `fit` is told.

    A new one is a file with an experiment (`inklings.spec.Experiment`), which names it, a line in
    `inklings.spec.TASKS`, and a test that inherits `inklings.testing.contracts.TaskContract`.

    Attributes:
        takes_bags: Whether its models are those of bags.
        validates: Whether weights are scored on held-out cases while they learn.
    """

    takes_bags: bool = False
    validates: bool = True

    def check(self, experiment: E, start: Path | None = None) -> None:  # noqa: ARG002
        """Refuse names, options and combinations that cannot be, before any data are opened.

        Args:
            experiment: What to do.
            start: Run folder or weights file to begin from.

        Raises:
            SpecError: One line that names the key.
        """
        require_components(experiment, self.takes_bags)
        require_possible(experiment, self.validates)

    def sources(self, experiment: E) -> Sequence[Path]:  # noqa: ARG002
        """Earlier runs whose answers are learnt from, so that their patients count as seen."""
        return ()

    @abstractmethod
    def prepare(
        self, experiment: E, cohort: Cohort, out: Path, initial: Mapping[str, Tensor] | None
    ) -> Prepared:
        """Examples, model, loss, validation, and where answers will be cut.

        Args:
            experiment: What to do.
            cohort: Its cases.
            out: The run folder, for what need not be made again after an interruption.
            initial: First weights, by name; None for random ones.
        """

    def learn(
        self, experiment: E, cohort: Cohort, out: Path, initial: Mapping[str, Tensor] | None
    ) -> FitResult:
        """Prepare, and fit; tasks that fit several times one after the other say how."""
        return fit(experiment.training, self.prepare(experiment, cohort, out, initial), out)

    def doubts(self, experiment: E, cohort: Cohort) -> Mapping[str, str]:  # noqa: ARG002
        """Class to why labels of the validation part say nothing of what probabilities mean."""
        return {}

    def held_out(self, run: Run, cohort: Cohort, scratch: Path) -> HeldOut:  # noqa: ARG002
        """What the validation part says of the probabilities of a finished run.

        Args:
            run: Of this task.
            cohort: Of which the validation part alone is read.
            scratch: Folder for what does not fit into memory.

        Raises:
            SpecError: If the task has no probabilities to calibrate.
        """
        raise SpecError(f"{run.folder}: a run of task {run.task} has nothing to calibrate")

    def as_used(self, experiment: E, model_config: ModelConfig) -> ModelConfig:  # noqa: ARG002
        """What the model takes of files as they are, where training had changed them before."""
        return model_config


def require_components(experiment: Experiment, takes_bags: bool) -> None:
    """Raise SpecError unless model, loss, optimiser and schedule exist and take their options."""
    training, model = experiment.training, experiment.model
    if require_model(model).takes_bags != takes_bags:
        told = "does not take bags" if takes_bags else "takes bags: write 'task: bags'"
        raise SpecError(f"task {experiment.task}: model {model.name} {told}")
    if require_loss(experiment.loss).target != "classes" and not takes_bags:
        raise SpecError(
            f"task {experiment.task}: loss {experiment.loss.name} is one of bags with a number"
        )
    require(OPTIMISERS, training.optimiser, parameters=FILLED, learning_rate=FILLED)
    SCHEDULES.build(training.schedule.name, training.schedule.options)


def require_model(model: Component) -> type[Model]:
    """The class of a model, after checking that it is one and takes its options."""
    require(MODELS, model, in_channels=FILLED, out_channels=FILLED)
    kind: object = MODELS.get(model.name)
    if not (isinstance(kind, type) and issubclass(kind, Model)):
        raise SpecError(
            f"model {model.name}: expected a subclass of inklings.models.base.Model, got {kind}"
        )
    return kind


def require_loss(asked: Component) -> Loss:
    """The loss, after checking that it is one and takes its options."""
    loss: object = LOSSES.build(asked.name, asked.options)
    if not isinstance(loss, Loss):
        raise SpecError(
            f"loss {asked.name}: expected a subclass of inklings.losses.base.Loss, "
            f"got {type(loss).__name__}"
        )
    return loss


def require_possible(experiment: Experiment, validates: bool) -> None:
    """Raise SpecError where options of the training contradict one another."""
    training = experiment.training
    if training.validate_every and not validates:
        raise SpecError(
            f"training.validate_every: task {experiment.task} is not validated while it learns; "
            "leave it out"
        )
    if training.patience and not training.validate_every:
        raise SpecError(
            "training.patience: expected validate_every with it, got none; early stopping counts "
            "validations"
        )
    if training.schedule.name == "reduce_on_plateau" and not training.validate_every:
        raise SpecError(
            "training.schedule: expected validate_every with reduce_on_plateau, got none; the rate "
            "falls where validations stand still"
        )
    if training.deterministic and training.minutes:
        raise SpecError(
            "training.deterministic: expected a run bounded by steps or epochs, got minutes too; "
            "a clock never gives the same weights twice"
        )
    require_shared_batches(training)


def require_shared_batches(training: Training, together: int = 1) -> None:
    """Raise SpecError unless devices share batches evenly, ``together`` examples at a time."""
    devices = training.devices if isinstance(training.devices, int) else 1
    whole = devices * training.nodes * together
    if training.batch_size % whole:
        parts = f" of sampling.bag ({together})" if together > 1 else ""
        raise SpecError(
            f"training.batch_size: expected a multiple{parts} on each of "
            f"{devices * training.nodes} devices, got {training.batch_size}"
        )


def require_memory(shape: Sequence[int], what: str) -> None:
    """Raise SpecError where an array of ``shape`` in float32 alone is more than the memory."""
    size, memory = 4 * math.prod(shape), memory_bytes()[0]
    if size > memory:
        raise SpecError(
            f"{what}: expected batches that fit into {memory / 1e9:.0f} GB of memory, got "
            f"{' x '.join(map(str, shape))} values ({size / 1e9:,.0f} GB); make them smaller"
        )


def require(table: Registry[Any], component: Component, **given: Any) -> None:
    """Raise SpecError unless a component exists and takes its options and those ``given``."""
    table.require(component.name, {**given, **component.options})
