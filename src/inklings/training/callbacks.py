"""Keeps what a run must not lose: checkpoints, the best weights, and the decision to stop."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray
from torch import Tensor

from inklings import progress
from inklings.losses.base import Loss
from inklings.models.base import Model
from inklings.runs.weights import write_weights
from inklings.training.curves import write_curves
from inklings.training.module import Learner
from inklings.training.monitor import History


def step_file(folder: Path, step: int | str) -> Path:
    """Where the weights of a step are kept while the training goes on."""
    return folder / f"step-{step}.safetensors"


class Validation(Protocol):
    """How good some weights are."""

    @property
    def merit(self) -> float:
        """What is compared; more is better."""

    @property
    def values(self) -> Mapping[str, float]:
        """Columns of the history; NaN where unknown."""

    @property
    def counted(self) -> NDArray[np.int64]:
        """Positives and negatives at and above each level of probability, ``(K, 2, 256)``."""


class Validator(Protocol):
    """Scores a model on held-out cases."""

    def score(self, model: Model, loss: Loss) -> Validation:
        """How good ``model`` is now."""


class Draws(Protocol):
    """Shows what a model does."""

    def draw(self, model: Model, step: int, loggers: Sequence[Any]) -> None:
        """Write pictures of ``step``."""


class ValidationCallback(Callback):
    """Validates, remembers the best weights, saves, and stops the run when it is done.

    Attributes:
        best: State of the best weights so far; None where nothing was validated.
        best_step: When they were found.
    """

    def __init__(
        self,
        history: History,
        validator: Validator | None,
        gallery: Draws | None,
    ) -> None:
        self.history, self.validator, self.gallery = history, validator, gallery
        self.best: dict[str, Tensor] | None = None
        self.best_merit = -math.inf
        self.best_step = 0
        self.unimproved = 0

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {
            "best": self.best,
            "best_merit": self.best_merit,
            "best_step": self.best_step,
            "unimproved": self.unimproved,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.best, self.best_merit = state_dict["best"], state_dict["best_merit"]
        self.best_step, self.unimproved = state_dict["best_step"], state_dict["unimproved"]

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: pl.Trainer, pl_module: Learner, *_: Any
    ) -> None:
        """After every optimiser step: validate, save, stop, as far as it is time to."""
        spec = pl_module.training_spec
        if pl_module.seen % spec.accumulate:
            return
        step = trainer.global_step
        if spec.validate_every and self.validator and step % spec.validate_every == 0:
            self._validate(trainer, pl_module, step)
        if spec.patience and self.unimproved >= spec.patience:
            progress.note(f"train: no improvement in {self.unimproved} validations, stopped early")
            trainer.should_stop = True
        if spec.minutes and pl_module.clock.seconds() >= 60 * spec.minutes:
            trainer.should_stop = True

    def _validate(self, trainer: pl.Trainer, learner: Learner, step: int) -> None:
        assert self.validator is not None
        with learner.averaged() as model:
            score = self.validator.score(model, learner.loss)
            merit = trainer.strategy.broadcast(score.merit)
            if self.gallery is not None and trainer.is_global_zero:
                self.gallery.draw(model, step, trainer.loggers)
            if merit > self.best_merit:
                self.best = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}
        learner.validated(merit)
        improved = merit > self.best_merit
        self.unimproved = 0 if improved else self.unimproved + 1
        if improved:
            self.best_merit, self.best_step = merit, step
        known = {k: v for k, v in score.values.items() if not math.isnan(v)}
        self.history.add(step, known)
        for logger in trainer.loggers:
            logger.log_metrics(known, step)
        if trainer.is_global_zero:
            write_curves(score.counted, step, trainer.loggers)


class CheckpointCallback(Callback):
    """Writes the last checkpoint; comes after every other callback, so that it sees all of them.

    Weights of steps that are to be kept lie beside it (`step_file`), as they would be used then.

    The rows of the history are written first: what a checkpoint claims has been logged, is.
    """

    def __init__(self, history: History, folder: Path) -> None:
        self.history, self.folder = history, folder

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: pl.Trainer, pl_module: Learner, *_: Any
    ) -> None:
        """Save every so many steps, and at the end."""
        spec = pl_module.training_spec
        step = trainer.global_step
        if spec.keeps(step) and pl_module.seen % spec.accumulate == 0 and trainer.is_global_zero:
            with pl_module.averaged() as model:
                write_weights(step_file(self.folder.parent, step), model, f"step {step} ended with")
        due = step % spec.checkpoint_every == 0 or step >= pl_module.steps or trainer.should_stop
        if due and pl_module.seen % spec.accumulate == 0:
            if trainer.is_global_zero:
                self.history.write()
            trainer.save_checkpoint(self.folder)
