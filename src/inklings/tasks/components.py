"""Every name and option of an experiment, checked before any data are opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inklings.data import AUGMENTS, INTENSITIES, NORMALISERS
from inklings.data.instance_augment import INSTANCE_AUGMENTS
from inklings.inference.crf import CRF
from inklings.losses import LOSSES
from inklings.models import MODELS
from inklings.models.instances import INSTANCE_ENCODERS
from inklings.models.pooling import POOLINGS
from inklings.refinement import REFINEMENTS
from inklings.registry import Registry
from inklings.spec import Component, Experiment, Teacher
from inklings.supervision import SUPERVISIONS
from inklings.training import OPTIMISERS, SCHEDULES
from inklings.weak.correction import CORRECTIONS

_FILLED = "given by the trainer"


def require_known(experiment: Experiment) -> None:
    """Raise SpecError unless every component exists and takes the options it is given."""
    training, filled = experiment.training, "given by the trainer"
    correction = {k: v for k, v in experiment.correction.options.items() if k != "exact"}
    _require(INTENSITIES, experiment.intensity)
    if experiment.stains is not None:
        _require(NORMALISERS, experiment.stains)
    CORRECTIONS.require(experiment.correction.name, correction)
    _require(SUPERVISIONS, experiment.supervision, classes=filled)
    for augment in experiment.sampling.augment:
        _require(AUGMENTS, augment)
    _require(MODELS, experiment.model, in_channels=filled, out_channels=filled)
    if getattr(MODELS.get(experiment.model.name), "takes_bags", False):
        _require_bags(experiment)
    _require(LOSSES, experiment.loss)
    _require(OPTIMISERS, training.optimiser, parameters=filled, learning_rate=filled)
    _require(SCHEDULES, training.schedule)
    if experiment.teacher is not None:
        _require_teacher(experiment.teacher)
    if experiment.inference.instances is not None:
        _require(REFINEMENTS, experiment.inference.instances)


def _require_bags(experiment: Experiment) -> None:
    """The parts of a bag model are components, too."""
    options, filled = experiment.model.options, "given by the trainer"
    encoder = Component.model_validate(options.get("encoder", "identity"))
    pooling = Component.model_validate(options.get("pooling", "gated_attention"))
    head = {"head": options["head"]} if "head" in options else {}
    _require(INSTANCE_ENCODERS, encoder, shape=filled)
    _require(POOLINGS, pooling, features=filled, channels=filled, **head)
    for augment in experiment.bags.augment:
        _require(INSTANCE_AUGMENTS, augment)


def _require_teacher(teacher: Teacher) -> None:
    if teacher.model is not None:
        _require(MODELS, teacher.model, in_channels=_FILLED, out_channels=_FILLED)
    if teacher.loss is not None:
        _require(LOSSES, teacher.loss)
    for augment in teacher.sampling.augment if teacher.sampling else ():
        _require(AUGMENTS, augment)
    CRF.of(teacher.crf or {})


def _require(table: Registry[Any], component: Component, **given: Any) -> None:
    options: Mapping[str, Any] = {**given, **component.options}
    table.require(component.name, options)
