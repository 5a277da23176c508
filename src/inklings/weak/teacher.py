"""From labels that are too wide to labels of pixels, for a student.

An outline that holds stroma and benign glands, and the label of a whole slide, are one kind of
statement: nothing is outside, and of the inside some. A forest thins such labels
(`inklings.weak.pixel_classifier`), and a student may learn from that at once. Or a teacher comes
between them, a dense network that learns inside from outside, with a short sight, so that what a
sample looks like decides and not what lies around it; without a forest it learns from the labels as
they are.

The teacher's map of each image is refined along the edges of the image by a dense CRF where asked
for, and cut into certain positives, certain negatives, and what is left out. The outside, which is
certain, says how high scores go by chance: levels are ranks among the scores of all samples
outside.

Reference:
    Lerousseau et al., MICCAI 2020 (the teacher of slide labels); Krähenbühl & Koltun, NeurIPS
    2011 (the CRF). Learning from the confident part of predictions is Lee, ICML workshop 2013.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from inklings import progress
from inklings.data.array_cache import ArrayCache, fingerprint
from inklings.data.examples import Examples
from inklings.errors import LabelError, SpecError
from inklings.spec import SegmentationExperiment, Teacher
from inklings.supervision.base import Target
from inklings.training.fit import FitResult
from inklings.weak.pixel_classifier import ThinningForest
from inklings.weak.pseudo_label_selection import Levels, inside, shares
from inklings.weak.pseudo_labels import levels_of, marked
from inklings.weak.teacher_maps import TeacherMaps

KEPT = "kept"
"""Folder in that of the teacher of what need not be made again after an interruption."""

_MORE = 1.2
"""So much more of the inside than of the outside has to look positive."""

_ADVICE = {
    "teacher": "let it learn longer (teacher.steps), faster (teacher.learning_rate), or see wider "
    "(teacher.model)",
    "teacher.pixel_classifier": "give it more cases, or let a network find it "
    "(teacher.false_positive_rate: 0.02)",
}
"""What to do where one found nothing."""


class Learn(Protocol):
    """Trains a segmentation on examples in memory."""

    def __call__(
        self,
        experiment: SegmentationExperiment,
        train: Examples,
        *,
        out: Path | None,
        initial: Mapping[str, Tensor] | None,
    ) -> FitResult:
        """The trained network; its run lies in ``out``, if that is given."""


@dataclass(frozen=True)
class Lesson:
    """What the teacher made of one class.

    Attributes:
        name: The class.
        chance: Probability that the teacher, or the last trees where no network follows them,
            gives to ``false_positive_rate`` of the pixels outside; what lies below it says
            nothing.
        positive: Share of the inside that the student is told is positive.
        negative: Share of the inside that the student is told is negative.
    """

    name: str
    chance: float
    positive: float
    negative: float


@dataclass(frozen=True)
class Taught:
    """What a teacher leaves behind.

    Attributes:
        train: The images with labels for the student.
        val: The validation part with labels of the same kind, what is in doubt left out, on which
            the student's threshold is chosen; None where there is none.
        teacher: The last pass of the network; None where trees alone thinned the labels.
        lessons: What was done to each class.
        by_forest: Share of the inside of each class that was left to the teacher by the forest;
            empty where none thinned it.
    """

    train: Examples
    val: Examples | None
    teacher: FitResult | None
    lessons: list[Lesson]
    by_forest: dict[str, float] = field(default_factory=dict)


def teach(
    experiment: SegmentationExperiment,
    labels: Examples,
    val: Examples | None,
    classes: Sequence[str],
    learn: Learn,
    out: Path | None = None,
) -> Taught:
    """Labels for the student, the teacher, and what it did.

    Args:
        experiment: With a ``teacher``.
        labels: Images with labels that are too wide: outlines, or whole tiles of positive slides.
        val: The same of the validation part; the teacher marks it without having seen it.
        classes: Names of the classes.
        learn: Trains a pass of the teacher.
        out: Folder of the teacher's own run; None writes nothing. What was finished there before
            an interruption is not done again; targets are mapped from its files.

    Raises:
        LabelError: If nothing is inside, or nothing outside, for some class; or if the inside
            looks no more positive than the outside, so that there is nothing to teach.
    """
    spec = experiment.teacher
    if spec is None:
        raise SpecError("expected an experiment with a teacher, got none")
    _require_kinds(labels, classes)
    shelf = ArrayCache(out / KEPT if out else None)
    forest, kept = _by_forest(spec, labels, classes, experiment.training.seed, shelf)
    if forest is not None and not spec.passes:
        return _by_trees(forest, labels.with_targets(kept), val, classes)
    targets = kept
    levels: list[Levels] = []
    trained: FitResult | None = None
    for number, share in enumerate(spec.passes):
        folder = out / str(number + 1) if out else None
        first = trained.model.state_dict() if trained else None
        told = labels.with_targets(targets)
        own = _own(experiment, spec, as_given=number == 0 and forest is None)
        trained = learn(own, told, out=folder, initial=first)
        maker = TeacherMaps(experiment, trained, len(classes))
        measure = partial(levels_of, share=share, spec=spec)
        maker.stretch(labels, measure)
        weights = {k: v.cpu().numpy() for k, v in trained.model.state_dict().items()}
        own_shelf = shelf.part(number, experiment.training.seed, fingerprint(told), weights)
        maps = maker.of_all(labels, own_shelf)
        levels = [measure(maps, labels.targets, k) for k in range(len(classes))]
        targets = marked(labels, maps, levels, spec.crf, own_shelf.part("marks"))
        _require_found("teacher", labels.targets, targets, share, classes)
    assert trained is not None
    if val is not None:
        seen = maker.of_all(val, own_shelf.part("val"))
        val = _judging(val, marked(val, seen, levels, spec.crf, own_shelf.part("val marks")))
    chances = [s.probability(level.sure) for s, level in zip(maker.scales, levels, strict=True)]
    lessons = _lessons(labels.targets, targets, chances, classes)
    left = {} if forest is None else _positive_shares(labels.targets, kept, classes)
    return Taught(labels.with_targets(targets), val, trained, lessons, left)


def _by_trees(
    forest: ThinningForest, thinned: Examples, val: Examples | None, classes: Sequence[str]
) -> Taught:
    """What trees kept, for a student that learns from it at once."""
    told = forest.cases.labels.targets
    if val is not None:
        val = _judging(val, forest.targets_of(val))
    lessons = _lessons(told, thinned.targets, [level.sure for level in forest.levels], classes)
    left = _positive_shares(told, thinned.targets, classes)
    return Taught(thinned, val, None, lessons, left)


def _judging(val: Examples, targets: Sequence[Target]) -> Examples:
    """Labels to choose a threshold on: were doubt told to be negative, it would come out high."""
    return dataclasses.replace(val, targets=tuple(targets), in_doubt=val.judges)


def _lessons(
    told: Sequence[Target],
    made: Sequence[Target],
    chances: Sequence[float],
    classes: Sequence[str],
) -> list[Lesson]:
    return [Lesson(name, chances[k], *shares(told, made, k)) for k, name in enumerate(classes)]


def _require_kinds(labels: Examples, classes: Sequence[str]) -> None:
    for k, name in enumerate(classes):
        holding = any(inside(target, k).any() for target in labels.targets)
        if not holding or all(inside(target, k).all() for target in labels.targets):
            raise LabelError(
                f"teacher: expected cases with and without {name}, got only "
                f"{'positive' if holding else 'negative'} ones in the training part"
            )


def _by_forest(
    spec: Teacher, labels: Examples, classes: Sequence[str], seed: int, shelf: ArrayCache
) -> tuple[ThinningForest | None, Sequence[Target]]:
    """A forest and what it keeps of the labels; none, and all, where it found nothing."""
    if spec.pixel_classifier is None:
        return None, labels.targets
    forest = ThinningForest(labels, spec.pixel_classifier, classes, seed, shelf)
    kept, share = forest.targets(), spec.pixel_classifier.false_positive_rate[-1]
    if not spec.passes:
        _require_found("teacher.pixel_classifier", labels.targets, kept, share, classes)
        return forest, kept
    for name, found in _positive_shares(labels.targets, kept, classes).items():
        if found <= _MORE * share:
            progress.note(
                f"forest: {found:.1%} of the inside of {name} looks positive, and {share:.1%} of "
                "the outside does; the teacher learns from the labels as they are"
            )
            return None, labels.targets
    return forest, kept


def _require_found(
    who: str,
    told: Sequence[Target],
    marked: Sequence[Target],
    share: float,
    classes: Sequence[str],
) -> None:
    """Refuse a teacher to whom the inside looks no more positive than the outside."""
    for name, found in _positive_shares(told, marked, classes).items():
        if found <= _MORE * share:
            raise LabelError(
                f"{who}: expected more of the inside of {name} than of the outside to look "
                f"positive, got {found:.1%} of it at a level that {share:.1%} of the outside "
                f"exceeds; {_ADVICE[who]}"
            )


def _positive_shares(
    told: Sequence[Target], marked: Sequence[Target], classes: Sequence[str]
) -> dict[str, float]:
    """Share of the inside of each class that is still positive."""
    return {name: shares(told, marked, k)[0] for k, name in enumerate(classes)}


def _own(
    experiment: SegmentationExperiment, spec: Teacher, as_given: bool
) -> SegmentationExperiment:
    """The experiment of a pass of the teacher: its own parts, the rest as the student's.

    Its loss is for the labels as they were given; thinned ones are learnt as the student does.
    """
    loss = spec.loss if as_given else None
    bag = loss.options.get("bag", 1) if loss else 1
    sampling = spec.sampling
    if sampling is None and bag > 1:
        alike = {"bag": bag, "by_case": False, "by_class": False, "foreground": 0.0}
        sampling = experiment.sampling.model_copy(update=alike)
    given = {"loss": loss, "model": spec.model, "sampling": sampling}
    training = {
        "batch_size": spec.batch_size,
        "steps": spec.steps,
        "learning_rate": spec.learning_rate,
    }
    changed: dict[str, Any] = {"validate_every": None, "patience": None, "keep_steps": ()}
    changed |= {k: v for k, v in training.items() if v is not None}
    if spec.steps is not None:
        changed["epochs"] = None
    return experiment.model_copy(
        update={
            **{k: v for k, v in given.items() if v is not None},
            "training": experiment.training.model_copy(update=changed),
            "inference": experiment.inference.model_copy(update={"threshold": 0.5}),
        }
    )


def lesson_facts(taught: Taught) -> dict[str, Any]:
    """For the record of the run."""
    network = taught.teacher
    return {
        "forest": taught.by_forest,
        "lessons": [dataclasses.asdict(lesson) for lesson in taught.lessons],
        "steps": network.steps if network else 0,
        "seconds": round(network.seconds, 3) if network else 0.0,
    }
