"""Segmentation: labels of pixels, complete or weak, in pictures, tiles of slides and volumes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from inklings.calibration.evidence import HeldOut
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.stacked import inputs_of
from inklings.data import INTENSITIES, NORMALISERS, Use, build_transforms
from inklings.data.affine import Affine
from inklings.data.examples import Examples, gather
from inklings.data.restained import restained
from inklings.data.tile_examples import Looks, gather_tiles, require_same_cohort
from inklings.data.tile_index import TileHead
from inklings.data.transforms import Transform
from inklings.data.volumes import require_dimensions, unplaced
from inklings.errors import DataError, SpecError
from inklings.files import write_json
from inklings.inference.crf import CRF
from inklings.labels.kinds import BallLabel, BoxLabel, PointLabel
from inklings.orientation import AS_STORED, across
from inklings.refinement import REFINEMENTS
from inklings.runs.run import ModelConfig, Run
from inklings.spec import Component, SegmentationExperiment, Teacher
from inklings.supervision import SUPERVISIONS
from inklings.supervision.base import Supervision
from inklings.tasks import pixels
from inklings.tasks.base import (
    FILLED,
    Task,
    require,
    require_loss,
    require_memory,
    require_model,
    require_shared_batches,
)
from inklings.training.fit import FitResult, Prepared
from inklings.training.trainer import is_first
from inklings.training.validation import SegmentationValidator
from inklings.weak.corrected import correct
from inklings.weak.correction import CORRECTIONS
from inklings.weak.self_training import Round, self_train
from inklings.weak.teacher import lesson_facts, teach


@dataclass(frozen=True)
class Labels:
    """What a segmentation learns from, after whoever made its labels finer.

    Attributes:
        experiment: With the intensities as this cohort needs them.
        train: Images and targets.
        val: The same of the validation part; None where there is none.
        names: Of the classes, and of the channels of the targets.
        initial: First weights, by name; None for random ones.
    """

    experiment: SegmentationExperiment
    train: Examples
    val: Examples | None
    names: Mapping[str, tuple[str, ...]]
    initial: Mapping[str, Tensor] | None


class SegmentationTask(Task[SegmentationExperiment]):
    """Learns which pixels belong to which class."""

    def check(self, experiment: SegmentationExperiment, start: Path | None = None) -> None:
        """Also the parts that only a segmentation has."""
        super().check(experiment, start)
        correction = {k: v for k, v in experiment.correction.options.items() if k != "trusted"}
        INTENSITIES.build(experiment.intensity.name, experiment.intensity.options)
        if experiment.stains is not None:
            require(NORMALISERS, experiment.stains)
        CORRECTIONS.require(experiment.correction.name, correction)
        require(SUPERVISIONS, experiment.supervision, classes=FILLED)
        _require_whole(experiment)
        sides = experiment.volumes.patch or (experiment.sampling.size,) * 2
        batch = (experiment.training.batch_size, *sides)
        require_memory(batch, "training.batch_size, sampling.size, volumes.patch")
        seen: Use = "patches" if experiment.volumes.view == "3d" else "pictures"
        _require_boxes(experiment, build_transforms(experiment.sampling.augment, seen))
        if experiment.teacher is not None:
            _require_teacher(experiment.teacher, seen)
        if experiment.inference.instances is not None:
            require(REFINEMENTS, experiment.inference.instances)
        require_shared_batches(experiment.training, experiment.sampling.bag)
        own = require_model(experiment.model).dimensions
        dimensions = experiment.model.options.get("dimensions", own)
        require_dimensions(dimensions, experiment.volumes.view)

    def prepare(
        self,
        experiment: SegmentationExperiment,
        cohort: Cohort,
        out: Path,
        initial: Mapping[str, Tensor] | None,
    ) -> Prepared:
        """The first fit on the cohort; `learn` adds the rounds of self-training."""
        given = _labels(experiment, cohort, out, initial)
        how = (given.names["classes"], given.names["channels"], given.initial)
        return pixels.prepare(given.experiment, given.train, given.val, *how)

    def learn(
        self,
        experiment: SegmentationExperiment,
        cohort: Cohort,
        out: Path,
        initial: Mapping[str, Tensor] | None,
    ) -> FitResult:
        """Fit, and again on labels of the last fit for every further round."""
        given = _labels(experiment, cohort, out, initial)

        def trained_on(labels: Examples, folder: Path) -> FitResult:
            how = {"val": given.val, **given.names, "out": folder, "initial": given.initial}
            return pixels.learn(given.experiment, labels, **how)  # type: ignore[arg-type]

        rounds: Sequence[Round] = ()
        if experiment.self_training.iterations == 1:
            trained = trained_on(given.train, out)
        else:
            how = (given.experiment, given.train, given.val)
            trained, rounds = self_train(*how, trained_on, out)
        facts = {**trained.facts, "rounds": [dataclasses.asdict(one) for one in rounds]}
        warnings = (*trained.warnings, *unplaced(given.train))
        return dataclasses.replace(trained, facts=facts, warnings=warnings)

    def doubts(self, experiment: SegmentationExperiment, cohort: Cohort) -> Mapping[str, str]:
        """Labels that were made finer, and those that leave out what is not plain."""
        why = _doubt(experiment, cohort)
        return dict.fromkeys(cohort.classes, why) if why else {}

    def held_out(self, run: Run, cohort: Cohort, scratch: Path) -> HeldOut:
        """As at the end of a training."""
        own, learnt = run.experiment, run.model_config
        assert isinstance(own, SegmentationExperiment)
        experiment = own.model_copy(update={"intensity": learnt.intensity})
        val = _validation(experiment, cohort, scratch)
        if val is None:
            raise DataError(
                f"{cohort.folder}: expected labelled cases in the validation part, got none; give "
                "the split a share of val"
            )
        if val.volumes and learnt.orientation not in (None, AS_STORED):
            val = val.turned(str(learnt.orientation))
        seen = dataclasses.replace(learnt, stains=None)  # the stains are changed already
        validator = SegmentationValidator(val, experiment, seen)
        return validator.judged(run.model, experiment.training.seed).held_out

    def as_used(self, experiment: SegmentationExperiment, model_config: ModelConfig) -> ModelConfig:
        """With the change of stains, and the grid of the tiles: slides are read as they were.

        In training the images were changed already, so the configuration did not speak of it.
        """
        used = dataclasses.replace(model_config, stains=experiment.stains)
        if experiment.tiles is None:
            return used
        head = TileHead.read(experiment.tiles)
        spacing = None if head.spacing_mm is None else head.spacing_mm * 1000
        return dataclasses.replace(used, spacing_um=spacing, factor=head.factor)


def _require_whole(experiment: SegmentationExperiment) -> None:
    """Raise SpecError where tiles would hide how far strokes or points are, or where boxes end."""
    asked, built = experiment.supervision, _supervision(experiment)
    hidden = "where boxes end" if built.coarse else "how far points are" if built.grows else ""
    hidden = hidden if built.far is None else "how far strokes are"
    if experiment.tiles is not None and hidden:
        raise SpecError(
            f"supervision {asked.name}: expected whole pictures or volumes, got tiles, which do "
            f"not show {hidden}; take supervision: partial"
        )


def _require_boxes(experiment: SegmentationExperiment, transforms: Sequence[Transform]) -> None:
    """Raise SpecError unless boxes meet a loss that looks into them, and stay boxes until then."""
    coarse, loss = _supervision(experiment).coarse, experiment.loss.name
    if require_loss(experiment.loss).reads_objects != coarse:
        other = "loss: box with it, or supervision: {name: boxes, middle: 0.75} for any loss"
        wanted = other if coarse else "supervision: boxes with it"
        raise SpecError(
            f"supervision {experiment.supervision.name} and loss {loss}: what is inside of boxes "
            f"is known to neither; take {wanted}"
        )
    if not coarse:
        return
    changed = [
        key
        for key, said in (
            ("correction", experiment.correction.name != "none"),
            ("teacher", experiment.teacher is not None),
            ("self_training", experiment.self_training.iterations > 1),
        )
        if said
    ]
    if changed:
        raise SpecError(
            f"{changed[0]}: expected none with supervision {experiment.supervision.name}, which "
            "leaves to the loss what is inside of boxes; take supervision: auto"
        )
    if any(isinstance(transform, Affine) for transform in transforms):
        raise SpecError(
            "sampling.augment: a box that is turned is no box around its object, nor one that is "
            "mirrored at the border of a crop; take flips and quarter_turns instead of affine"
        )


def _supervision(experiment: SegmentationExperiment, classes: Sequence[str] = ()) -> Supervision:
    asked = experiment.supervision
    return SUPERVISIONS.build(asked.name, {"classes": classes, **asked.options})


def _labels(
    experiment: SegmentationExperiment,
    cohort: Cohort,
    out: Path,
    initial: Mapping[str, Tensor] | None,
) -> Labels:
    """Read the examples; let a teacher and a correction make their labels finer."""
    experiment = _scaled(experiment, cohort)
    train, val, channels = _examples(experiment, cohort, out / "scratch")
    learn = partial(pixels.learn, classes=cohort.classes)
    if experiment.teacher is not None:
        taught = teach(experiment, train, val, cohort.classes, learn, out / "teacher")
        train, val = taught.train, taught.val
        if is_first():
            write_json(out / "teacher.json", lesson_facts(taught))
        if initial is None and experiment.teacher.model is None and taught.teacher is not None:
            initial = taught.teacher.model.state_dict()  # the student goes on where it stands
    cleaned = correct(train, val, experiment.correction, cohort.classes)
    if cleaned.evidence and is_first():
        write_json(out / "correction.json", {"evidence": cleaned.evidence})
    names = {"classes": tuple(cohort.classes), "channels": channels}
    return Labels(experiment, cleaned.train, cleaned.val, names, initial)


def _scaled(experiment: SegmentationExperiment, cohort: Cohort) -> SegmentationExperiment:
    """Channels of several images are scaled each by itself: T1 and CT have no common scale."""
    asked = experiment.intensity
    if asked.name not in ("zscore", "percentiles"):
        return experiment
    several = {"per_channel": True} if len(inputs_of(cohort.part("train"))) > 1 else {}
    own = Component(name=asked.name, options={"fractions": True, **several, **asked.options})
    return experiment.model_copy(update={"intensity": own})


def _examples(
    experiment: SegmentationExperiment, cohort: Cohort, scratch: Path
) -> tuple[Examples, Examples | None, tuple[str, ...]]:
    # Scores are those of the grid of the files, so only the training part is resampled.
    train = _read(experiment, cohort, experiment.volumes.spacing_mm)(
        cohort.part("train"), scratch / "train", "train"
    )
    val = _validation(experiment, cohort, scratch)
    if train.volumes:
        code = across(train.geometries)
        train, val = train.turned(code), val.turned(code) if val else None
    return train, val, _supervision(experiment, cohort.classes).channels


def _validation(
    experiment: SegmentationExperiment, cohort: Cohort, scratch: Path
) -> Examples | None:
    """The labelled cases of the validation part; None where there are none."""
    labelled = [case for case in cohort.part("val") if case.labels]
    return _read(experiment, cohort)(labelled, scratch / "val", "val") if labelled else None


def _read(
    experiment: SegmentationExperiment,
    cohort: Cohort,
    spacing_mm: float | tuple[float, float, float] | None = None,
) -> Callable[[Sequence[Case], Path, str], Examples]:
    """What reads cases: whole, or tiles of them."""
    supervision, stains = _supervision(experiment, cohort.classes), experiment.stains
    normaliser = NORMALISERS.build(stains.name, stains.options) if stains else None
    if (tiles := experiment.tiles) is None:
        return lambda cases, scratch, what: restained(
            gather(cases, supervision, scratch, what, spacing_mm), normaliser
        )
    require_same_cohort(tiles, cohort)
    intensity = INTENSITIES.build(experiment.intensity.name, experiment.intensity.options)
    looks = Looks(intensity, normaliser)
    return lambda cases, scratch, what: gather_tiles(
        tiles, cases, supervision, scratch, what, looks
    )


def _doubt(experiment: SegmentationExperiment, cohort: Cohort) -> str:
    """Why labels of the validation part do not say what probabilities mean; empty where they do."""
    name = experiment.supervision.name
    if experiment.teacher is not None or experiment.correction.name != "none":
        return "its labels were made finer, so they are no longer what somebody saw"
    if name not in ("auto", "full", "partial"):
        return f"supervision {name}: its labels do not say where it is not"
    labels = [label for case in cohort.part("val") for label in case.labels]
    kinds = {"boxes": BoxLabel, "points": PointLabel, "balls": BallLabel}
    for what, kind in kinds.items():
        if any(isinstance(label, kind) for label in labels):
            return f"{what} do not say where its border is"
    return ""


def _require_teacher(teacher: Teacher, seen: Use) -> None:
    if teacher.model is not None and require_model(teacher.model).takes_bags:
        raise SpecError(f"teacher.model: {teacher.model.name} takes bags; name one of pixels")
    if teacher.loss is not None:
        require_loss(teacher.loss)
    if teacher.sampling is not None:
        build_transforms(teacher.sampling.augment, seen)
    CRF.of(teacher.crf or {})
