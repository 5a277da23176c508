"""What tasks share that learn from crops which are drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from inklings.data.batches import CropBatches, Draw
from inklings.errors import SpecError
from inklings.losses import LOSSES
from inklings.models.base import Model
from inklings.runs.run import ModelConfig
from inklings.spec import Experiment
from inklings.training.fit import Prepared
from inklings.training.operating_point import Fixed, OperatingPoint


def prepared_of(
    experiment: Experiment,
    model_config: ModelConfig,
    draw: Draw,
    count: int,
    initial: Mapping[str, Tensor] | None,
    operating_point: Callable[[Model], OperatingPoint] | None = None,
    memory_format: torch.memory_format | None = torch.channels_last_3d,
    **more: Any,
) -> Prepared:
    """What `fit` is told of crops that are drawn at random.

    Args:
        experiment: What to do.
        model_config: The network.
        draw: Makes one crop.
        count: Cases or boxes that it draws from.
        initial: First weights, by name; those of a part of the network will do.
        operating_point: Where to cut; one half where nobody chooses.
        memory_format: Of the weights.
        more: Further fields of `Prepared`.
    """
    spec = experiment.training
    half = OperatingPoint((0.5,) * len(model_config.classes))

    return Prepared(
        model_config=model_config,
        build=model_config.build,
        loss=LOSSES.build(experiment.loss.name, experiment.loss.options),
        batches=partial(CropBatches, draw, spec.batch_size, spec.seed),
        count=count,
        operating_point=operating_point or Fixed(half),
        initial=initial,
        partly=True,
        memory_format=memory_format,
        facts={"cases": count},
        **more,
    )


@torch.no_grad()
def require_runs(
    model: Model, experiment: Experiment, shape: tuple[int, ...], said: tuple[int, ...]
) -> None:
    """Raise SpecError unless a network takes crops of ``shape`` and says ``said`` of each."""
    name = f"model {experiment.model.name}"
    try:
        found = tuple(model.eval()(torch.zeros((1, *shape))).logits.shape[1:])
    except (RuntimeError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())[:120]
        raise SpecError(f"{name} does not take crops of {shape[1:]}: {reason}") from None
    if found != said:
        raise SpecError(
            f"{name}: task {experiment.task} expects answers of shape {said} to crops of "
            f"{shape[1:]}, got {found}"
        )
