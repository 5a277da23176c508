"""Many small trainings on parts of the same bags at once: folds of a cross-validation."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from inklings.bags.outcomes import OUTCOMES
from inklings.bags.task import Task
from inklings.data.bag_batches import BagBatches
from inklings.data.bag_examples import BagExamples
from inklings.errors import SpecError
from inklings.models.base import Model
from inklings.models.ensemble import Ensemble, may_stack
from inklings.runs.run import ModelConfig
from inklings.spec import BagExperiment
from inklings.tasks.bags import first_model, loss_of, model_config_of
from inklings.training.fit import Prepared, fit
from inklings.training.operating_point import Fixed, OperatingPoint

_BUDGET = 2**28  # bytes of the activations of one layer of all networks of a step


@dataclass(frozen=True)
class Part:
    """One training.

    Attributes:
        train: ``(B,)``, True for the bags that it learns from.
        seed: Of its weights.
    """

    train: NDArray[np.bool_]
    seed: int


def together(
    experiment: BagExperiment, bags: BagExamples, classes: Sequence[str], task: Task
) -> int:
    """How many trainings of this kind fit one ensemble; 1 where they must be made alone.

    Small networks without statistics over a batch fit, as do tasks whose channels are questions
    of their own: what a bag must not teach is then simply unknown to a member.

    Raises:
        SpecError: If the loss learns from what is unknown.
    """
    network = model_config_of(experiment, bags.shape, classes, task).build()
    spec = experiment.training
    if loss_of(experiment.loss, task).reads_unlabelled:
        raise SpecError(
            f"loss {experiment.loss.name}: learns from bags without a label, which cannot be dealt "
            "to folds by it; train on one split, or take a loss that reads labelled bags only"
        )
    alone = task in ("multiclass", *OUTCOMES)
    if alone or not may_stack(network) or spec.validate_every or spec.minutes:
        return 1
    widest = max(p.shape[0] for p in network.parameters())
    most = experiment.bags.max_instances or math.inf
    instances = np.minimum(bags.instances.counts, most).mean() * spec.batch_size
    return max(1, int(_BUDGET / (4 * instances * max(widest, 64))))


def learn_parts(
    experiment: BagExperiment,
    bags: BagExamples,
    parts: Sequence[Part],
    *,
    classes: Sequence[str],
    task: Task,
) -> tuple[ModelConfig, list[Model]]:
    """Train one network for each part, all in the same steps, as one `Ensemble`.

    Every step shows all of them the same bags, of which each learns from its own: a step of a
    member has as many bags as its part is large. Steps are counted as for all bags.

    Args:
        experiment: Whose seed decides the order of the bags.
        bags: All of them.
        parts: The trainings.
        classes: Names of the classes.
        task: What is asked of a bag.
    """
    model_config = model_config_of(experiment, bags.shape, classes, task)
    channels = bags.value.shape[1]
    mine = np.repeat(np.stack([part.train for part in parts], 1), channels, axis=1)
    joint = dataclasses.replace(
        bags,
        value=np.tile(bags.value, (1, len(parts))),
        known=np.tile(bags.known, (1, len(parts))) & mine,
    )
    spec = experiment.training

    def build() -> Model:
        return Ensemble([_member(experiment, model_config, bags, part) for part in parts])

    batches = partial(BagBatches, joint, experiment.bags, spec.batch_size, spec.seed)
    loss = loss_of(experiment.loss, task)
    # Each member has a point of its own, on the bags that its part holds out.
    count = experiment.bags.epoch(len(bags))
    prepared = Prepared(model_config, build, loss, batches, count, Fixed(OperatingPoint()))
    trained = fit(spec, prepared).model
    assert isinstance(trained, Ensemble)
    return model_config, trained.apart()


def _member(
    experiment: BagExperiment, model_config: ModelConfig, bags: BagExamples, part: Part
) -> Model:
    torch.manual_seed(part.seed)
    return first_model(experiment, model_config, bags.some(np.flatnonzero(part.train).tolist()))
