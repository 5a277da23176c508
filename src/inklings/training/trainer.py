"""The one place where a Lightning Trainer is built: any batches, any model, until the end."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.rank_zero import _get_rank
from lightning.pytorch.callbacks import Callback

from inklings import progress
from inklings.data.batches import BatchSource
from inklings.losses.base import Loss
from inklings.models.base import Model
from inklings.spec import Training
from inklings.training import checkpoint, machine
from inklings.training.checkpoint import SafeCheckpointIO
from inklings.training.loggers import build_loggers
from inklings.training.module import Learner
from inklings.training.run_state import last_checkpoint

_ENDLESS = 1_000_000_000


def is_first() -> bool:
    """Whether this is the only process of a training, or the first of several."""
    return not _get_rank()


def total_steps(spec: Training, images: int) -> int:
    """Optimiser steps of a run at most; an epoch sees as many crops as there are images."""
    if spec.steps is not None:
        return spec.steps
    if spec.epochs is None:
        return _ENDLESS  # the clock ends it
    return math.ceil(spec.epochs * images / (spec.batch_size * spec.accumulate))


def run(
    spec: Training,
    count: int,
    batches: Callable[[int, int], BatchSource],
    model: Model,
    loss: Loss,
    callbacks: list[Callback],
    out: Path | None,
) -> Learner:
    """Train until the end; returns the learner as it then is.

    Args:
        spec: How long and how.
        count: Images or bags, which is what an epoch goes once through.
        batches: From rank and number of processes to the batches of this one.
        model: What learns.
        loss: What it is told.
        callbacks: In this order.
        out: Run folder, whose last checkpoint is gone on from; None writes nothing.

    Raises:
        DataError: If no step counted.
    """
    steps = total_steps(spec, count)
    found = last_checkpoint(out) if out else None
    if found is not None:
        progress.note(f"train: resuming from step {checkpoint.load_step(found)}")
    with _quiet_lightning(), _deterministic(spec.deterministic):
        trainer = _trainer(spec, steps, callbacks, out)
        learner = Learner(
            model, loss, spec, batches(trainer.global_rank, trainer.world_size), steps
        )
        trainer.fit(learner, ckpt_path=found)
        learner.clock.stop()
    learner.require_steps()
    return learner


def _trainer(spec: Training, steps: int, callbacks: list[Callback], out: Path | None) -> pl.Trainer:
    precision: Any = machine.precision(spec.precision)
    if precision != spec.precision != "auto" and is_first():
        progress.note(f"train: {spec.precision} is not available here; using {precision}")
    return pl.Trainer(
        accelerator="auto",
        devices=spec.devices,
        num_nodes=spec.nodes,
        precision=precision,
        # Batches never end, so the whole run is one epoch of Lightning's.
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
