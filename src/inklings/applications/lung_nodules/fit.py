"""Train the stage that an experiment file names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import nn

from inklings.applications.lung_nodules.crops import DetectorCrops
from inklings.applications.lung_nodules.examples import BoxCrops, collect
from inklings.applications.lung_nodules.gather import NODULE, gather, opened
from inklings.applications.lung_nodules.learn import Prepared, Stage, learn_stage
from inklings.applications.lung_nodules.reference import (
    CONTEXT,
    CROP,
    Marked,
    SegmenterCrops,
    grown_mask,
)
from inklings.applications.lung_nodules.scans import whole
from inklings.applications.lung_nodules.spec import NoduleExperiment
from inklings.applications.lung_nodules.targets import CHANNELS
from inklings.applications.lung_nodules.validation import BoxValidator, best_threshold
from inklings.cache import Cache
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.labels.files import read_mask, unlabelled
from inklings.labels.kinds import BallLabel, MaskLabel
from inklings.models.weights import read_weights
from inklings.orientation import turn_to
from inklings.runs.run import ModelConfig
from inklings.spec import Component
from inklings.training.run_state import RunState, require_trainable, require_unseen

_GREY = Component(name="hounsfield", options={"low": -1000, "high": 400})


def fit_stage(
    experiment: NoduleExperiment,
    out: Path,
    *,
    resume: bool = False,
    start: Path | None = None,
    allow_seen: bool = False,
) -> bool:
    """Train one stage; False where it was finished before.

    Args:
        experiment: What to do.
        out: The run folder.
        resume: Whether a finished run there is fine.
        start: Run folder of a classifier that a malignancy model starts from.
        allow_seen: Train although an earlier stage has seen patients of the test part.

    Raises:
        DataError: If the cohort is not fit for it, or an earlier stage has seen its test part.
        SpecError: If the experiment cannot be.
    """
    cohort = Cohort.read(experiment.cohort)
    require_trainable(cohort, experiment.cohort)
    used = {case.patient for case in (*cohort.part("train"), *cohort.part("val"))}
    begun = RunState(cohort.split_hash, tuple(sorted(used)), str(start or ""))
    if experiment.nodules.stage == "detector":
        return _detector(experiment, cohort, begun, out, resume)
    if experiment.nodules.stage == "segmenter":
        return _segmenter(experiment, cohort, begun, out, resume)
    return _judge(experiment, cohort, begun, out, resume, start, allow_seen)


def _detector(
    experiment: NoduleExperiment, cohort: Cohort, begun: RunState, out: Path, resume: bool
) -> bool:
    asked = experiment.nodules

    def prepare() -> Prepared:
        scans = gather(cohort.part("train"), Cache.shared())
        noise = 0.03 if asked.augment else 0.0
        return DetectorCrops(scans, experiment.sides[0], asked.positives, noise), len(scans), None

    model_config = ModelConfig(
        experiment.model, 1, CHANNELS, ("nodule",), intensity=_GREY, window=experiment.sides
    )
    return learn_stage(experiment, model_config, begun, out, prepare, resume=resume)


def _segmenter(
    experiment: NoduleExperiment, cohort: Cohort, begun: RunState, out: Path, resume: bool
) -> bool:
    """The first stage of the reference, on outlines of readers or nodules grown from centres."""

    def prepare() -> Prepared:
        scans = [marked(case) for case in cohort.part("train") if case.labels]
        return SegmenterCrops(scans), len(scans), None

    model_config = ModelConfig(
        experiment.model, 2 * CONTEXT + 1, ("nodule",), ("nodule",), window=(1, CROP, CROP)
    )
    return learn_stage(experiment, model_config, begun, out, prepare, resume=resume)


def marked(case: Case) -> Marked:
    """A case for the reference: outlines of readers, or nodules grown from their centres."""
    with opened(case) as image:
        values, geometry = whole(image)
        turn = turn_to(image.geometry)
    limited = np.clip(values, -1000, 1000).astype(np.int16)
    drawn = [label for label in case.labels if isinstance(label, MaskLabel)]
    if drawn:
        masks = [(label, turn(read_mask(label.path))) for label in drawn]
        return Marked(limited, np.any([(m > 0) & ~unlabelled(k, m) for k, m in masks], axis=0))
    balls = [b for b in case.labels if isinstance(b, BallLabel) and b.name == NODULE]
    centres = [geometry.to_indices(ball.centre_mm).tolist() for ball in balls]
    return Marked(limited, grown_mask(values, centres))


def _judge(
    experiment: NoduleExperiment,
    cohort: Cohort,
    begun: RunState,
    out: Path,
    resume: bool,
    start: Path | None,
    allow_seen: bool,
) -> bool:
    asked = experiment.nodules
    detector = _required_detector(asked.detector) if asked.stage == "classifier" else None
    warnings = []
    for source in (asked.detector if detector else None, start):
        if source is not None:
            seen = Stage.load(source).record.trained_on
            warnings.append(require_unseen(cohort, seen, source, allow_seen))
    if asked.finetune is not None and start is None:
        raise SpecError("nodules.finetune: expected a classifier to start from; give --from RUN")
    name = "nodule" if asked.stage == "classifier" else "malignant"
    model_config = ModelConfig(
        experiment.model, 2, (name,), (name,), intensity=_GREY, window=experiment.sides
    )

    def prepare() -> Prepared:
        boxes = collect(cohort.part("train"), experiment, detector, Cache.shared())
        judge = None
        if cohort.part("val") and experiment.training.validate_every:
            held = collect(cohort.part("val"), experiment, detector, Cache.shared())
            judge = BoxValidator(held, experiment, model_config)
        return BoxCrops(boxes, experiment), len(boxes), judge

    def thresholds(model: nn.Module) -> tuple[float, ...]:
        if not cohort.part("val"):
            return (0.5,)
        boxes = collect(cohort.part("val"), experiment, detector, Cache.shared())
        said = BoxValidator(boxes, experiment, model_config).probabilities(model)
        return (best_threshold(said, boxes.positive),)

    return learn_stage(
        experiment,
        model_config,
        begun,
        out,
        prepare,
        initial=read_weights(start / "weights.safetensors") if start else None,
        frozen=None if asked.finetune is None else lambda model: freeze(model, asked.finetune or 1),
        thresholds=thresholds,
        resume=resume,
        warnings=tuple(line for line in warnings if line),
    )


def freeze(model: nn.Module, depth: int) -> None:
    """Let only the last ``depth`` parts learn: 1 the head, 2 the block before it, too.

    Raises:
        SpecError: If the network does not say what these are.
    """
    parts = [getattr(model, "head", None)]
    if depth > 1:
        parts.append(getattr(model, "block", None) or getattr(model, "levels", [None])[-1])
    if any(part is None for part in parts):
        raise SpecError(f"nodules.finetune: {type(model).__name__} has no such layers")
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for part in parts:
        for parameter in part.parameters():  # type: ignore[union-attr]
            parameter.requires_grad_(True)


def _required_detector(folder: Path | None) -> Stage:
    if folder is None:
        raise SpecError(
            "nodules.detector: expected the run of a detector, whose candidates are judged"
        )
    stage = Stage.load(folder)
    if stage.experiment.nodules.stage != "detector":
        raise DataError(f"{folder}: expected a detector, got a {stage.experiment.nodules.stage}")
    return stage
