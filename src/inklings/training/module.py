"""The one LightningModule: any model, any loss, any schedule."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from inklings.data.batches import BatchSource, IndexedBatch
from inklings.errors import DataError
from inklings.losses.base import Loss, total
from inklings.models.base import Model
from inklings.spec import Training
from inklings.tensors import Batch, Output
from inklings.training import OPTIMISERS, SCHEDULES
from inklings.training.clock import Clock
from inklings.training.ema import Average
from inklings.training.optimisers import groups
from inklings.training.parts import Parts, in_parts, memory_ended
from inklings.training.schedules import ReduceOnPlateau

_HOPELESS = 100  # batches left out, and none taken, after which a training is given up


class Feed:
    """What Lightning iterates over: batches from wherever the run stands, without end."""

    def __init__(self, learner: Learner) -> None:
        self.learner = learner

    def __iter__(self) -> Iterator[IndexedBatch]:
        return self.learner.batches.from_number(self.learner.seen)


class Learner(pl.LightningModule):
    """Joins a model and a loss; knows how far the run is and what happened in the last step.

    Attributes:
        seen: Micro-batches taken so far; a checkpoint stores it, batches follow from it.
        skipped: Micro-batches left out because loss or gradients were not finite.
        counted: Optimiser steps that changed the weights.
        average: Moving average of the weights; None if not asked for.
        last: Logits, batch and loss of the last finite micro-batch, for callbacks.
        parts: In how many a micro-batch is learnt.
    """

    def __init__(
        self, model: Model, loss: Loss, training: Training, batches: BatchSource, steps: int
    ) -> None:
        super().__init__()
        self.model, self.loss = model, loss
        self.training_spec, self.batches, self.steps = training, batches, steps
        self.schedule = SCHEDULES.build(training.schedule.name, training.schedule.options)
        self.average: Average | None = None
        self.clock = Clock()
        self.seen = self.skipped = self.counted = self._useful = 0
        self.last: tuple[Tensor, Batch, float] | None = None
        self.parts = Parts()
        self._restored: dict[str, Any] = {}
        self._statistics: list[Tensor] = []
        self._kept: list[Tensor] = []

    @property
    def progress(self) -> float:
        """Share of the run that is done: by steps, or by the clock where that is further."""
        share = self.global_step / max(self.steps - 1, 1)
        if self.training_spec.minutes:
            share = max(share, self.clock.seconds() / (60 * self.training_spec.minutes))
        return min(share, 1.0)

    @property
    def exclusive(self) -> bool:
        """Whether the channels compete, the first of them being the background."""
        return self.loss.exclusive

    @property
    def rate(self) -> float:
        """Learning rate now."""
        return self.training_spec.learning_rate * self.schedule.factor(self.progress)

    def _schedule_state(self) -> dict[str, float] | None:
        return self.schedule.state if isinstance(self.schedule, ReduceOnPlateau) else None

    def validated(self, merit: float) -> None:
        """Tell the schedule, where it follows the validation, how good the weights are."""
        if isinstance(self.schedule, ReduceOnPlateau):
            self.schedule.told(merit)

    def configure_optimizers(self) -> Optimizer:
        """The optimiser of the experiment; its rate is set anew before every step."""
        asked = self.training_spec.optimiser
        options = {
            "parameters": groups(self.model, self.training_spec.backbone_rate),
            "learning_rate": self.rate,
            # A fused step would undo the scaling of fp16 only after the gradients were clipped.
            "fused": self.training_spec.precision != "16-mixed",
        }
        optimiser: Optimizer = OPTIMISERS.build(asked.name, {**options, **asked.options})
        return optimiser

    def train_dataloader(self) -> Feed:
        """Batches from wherever the run stands."""
        return Feed(self)

    def transfer_batch_to_device(
        self,
        batch: IndexedBatch,
        device: torch.device,
        dataloader_idx: int,  # noqa: ARG002
    ) -> tuple[int, Batch]:
        """The number of the batch, and the batch on ``device``."""
        return batch.number, batch.to(device)

    def on_train_start(self) -> None:
        """Take hold of the weights where they now are, and start the clock."""
        self._statistics = [b for b in self.model.buffers() if b.is_floating_point()]
        self._kept = [b.clone() for b in self._statistics]
        if self.training_spec.ema:
            self.average = Average(self.model, self.training_spec.ema)
            if self._restored:
                self.average.load(self._restored["average"], self._restored["updates"])
        self._restored = {}
        self.clock.start(self.clock.before)
        for optimiser in self.trainer.optimizers:
            _match_layout(optimiser)

    def on_train_batch_start(self, batch: tuple[int, Batch], batch_idx: int) -> None:  # noqa: ARG002
        """Seed this step and set its learning rate."""
        number = batch[0]
        words = np.random.SeedSequence([self.batches.seed, number, self.batches.rank])
        self._seed(int(words.generate_state(1, np.uint64)[0] >> 1))
        if number % self.training_spec.accumulate == 0:
            self._useful = 0
            self._set_rate()

    def training_step(self, batch: tuple[int, Batch], batch_idx: int) -> Tensor | None:  # noqa: ARG002
        """The loss; None, so that the batch is left out, where it is not finite."""
        number, data = batch
        self.seen = number + 1
        if self._kept:
            torch._foreach_copy_(self._kept, self._statistics)
        try:
            loss, logits = in_parts(self._loss, data, self.parts.count)
        except (MemoryError, RuntimeError) as error:
            self._go_on_with_less(error, data)
            return None
        value = self._everywhere(float(loss.detach()))
        if not math.isfinite(value):
            self.skipped += 1
            self._restore_statistics()
            # Processes that train together wait for gradients, so they get zeros to exchange.
            return self._nothing() if self.trainer.world_size > 1 else None
        self._useful += 1
        self.last = (logits, data, value)
        return loss

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """The gradients; where memory ends, those of this batch are left out."""
        try:
            super().backward(loss, *args, **kwargs)
        except (MemoryError, RuntimeError) as error:
            assert self.last is not None
            self._go_on_with_less(error, self.last[1])

    def _loss(self, data: Batch) -> tuple[Tensor, Tensor]:
        """Loss and logits of a batch, both in float32."""
        output: Output = self.model(data.inputs, data.valid)
        with torch.autocast(self.device.type, enabled=False):
            output = output.in_full_precision()
            return total(self.loss, output, data), output.logits.detach()

    def _go_on_with_less(self, error: Exception, data: Batch) -> None:
        """Learn batches in twice as many parts from now on, where an error says memory ended.

        Weights are those of the last step; gradients of this one are dropped.

        Raises:
            SpecError: If there is nothing left to halve.
        """
        if not memory_ended(error) or self.trainer.world_size > 1:
            raise error
        self.parts.double(error, self.global_step, len(data.value), self.loss.least_batch)
        self._useful = 0
        self.zero_grad(set_to_none=True)
        self._restore_statistics()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,  # noqa: ARG002
    ) -> None:
        """Clip the norm of all gradients; drop them where it is not finite."""
        if not self._useful:
            optimizer.zero_grad()
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients) if gradients else torch.zeros(())
        if not bool(torch.isfinite(norm)):
            self.skipped += 1
            optimizer.zero_grad()
            self._restore_statistics()
            return
        self.counted += bool(self._useful)
        if gradients and gradient_clip_val:
            torch._foreach_mul_(gradients, (gradient_clip_val / (norm + 1e-6)).clamp(max=1.0))

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Take a step, and take the new weights into the average.

        Raises:
            DataError: If none of the first steps counted: then none of the others will.
        """
        super().optimizer_step(*args, **kwargs)
        if not self.counted and self.skipped >= _HOPELESS:
            self.require_steps()
        if self.average is not None:
            self.average.update()

    def require_steps(self) -> None:
        """Refuse a training in which no step changed the weights.

        Raises:
            DataError: With what such trainings have in common.
        """
        if not self.counted:
            raise DataError(
                f"none of the steps counted: loss or gradients were not finite in {self.skipped} "
                f"of {self.seen} batches, so nothing was trained; look for values that are not "
                "numbers, or very large ones, with 'inklings check', lower training.learning_rate, "
                "or set training.precision to 32-true"
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what Lightning does not know of."""
        checkpoint["inklings"] = {
            "seen": self.seen,
            "skipped": self.skipped,
            "counted": self.counted,
            "parts": vars(self.parts),
            "seconds": self.clock.seconds(),
            "average": None if self.average is None else self.average.state,
            "updates": 0 if self.average is None else self.average.updates,
            "schedule": self._schedule_state(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it back."""
        mine = checkpoint["inklings"]
        self.seen, self.skipped = mine["seen"], mine["skipped"]
        self.counted = mine.get("counted", 1)  # checkpoints of 0.1 do not say it
        self.parts = Parts(**mine.get("parts", {}))
        self.clock.before = mine["seconds"]
        if isinstance(self.schedule, ReduceOnPlateau) and mine.get("schedule"):
            self.schedule.restore(mine["schedule"])
        self._restored = mine

    @contextmanager
    def averaged(self) -> Iterator[Model]:
        """The model as it would be used now: with its averaged weights, where there are any."""
        if self.average is None:
            yield self.model
        else:
            with self.average.applied():
                yield self.model

    def _nothing(self) -> Tensor:
        zeros = [(p * 0).sum() for p in self.model.parameters() if p.requires_grad]
        return torch.stack(zeros).sum()

    def _seed(self, seed: int) -> None:
        # torch.manual_seed would queue a call, with its traceback, for each kind of device that
        # is not there, at every step.
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def _set_rate(self) -> None:
        momentum = self.schedule.momentum(self.progress)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self.rate * group.get("factor", 1.0)
            if momentum is not None and "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
            elif momentum is not None and "momentum" in group:
                group["momentum"] = momentum

    @torch.no_grad()
    def _restore_statistics(self) -> None:
        """Undo what a batch that is left out has done to the normalisation layers."""
        if self._kept:
            torch._foreach_copy_(self._statistics, self._kept)

    def _everywhere(self, value: float) -> float:
        """The mean of the loss over all processes: that of the whole batch.

        Not finite where any is not: every process must leave the batch out, or the others wait
        for its gradients.
        """
        if self.trainer.world_size == 1:
            return value
        mine = torch.tensor(value, device=self.device)
        return float(self.trainer.strategy.reduce(mine, reduce_op="mean"))


def _match_layout(optimiser: Optimizer) -> None:
    for parameter, state in optimiser.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.ndim > 0:
                state[name] = torch.empty_like(parameter).copy_(value)
