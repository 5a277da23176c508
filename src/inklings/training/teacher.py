"""From labels that are too wide to labels of pixels: a teacher's confident maps, for a student.

An outline that holds stroma and benign glands, and the label of a whole slide, are one kind of
statement: nothing is outside, and of the inside some. The teacher is a dense network that learns
inside from outside, with a short sight, so that what a sample looks like decides and not what lies
around it. A forest may thin the labels first (`inklings.training.forest`), for a network that
starts from nothing finds no texture in labels that are mostly wrong.

Its map of each image is refined along the edges of the image by a dense CRF where asked for, and
cut into certain positives, certain negatives, and what is left out. The outside, which is certain,
says how high scores go by chance: levels are ranks among the scores of all samples outside.

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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings import progress
from inklings.errors import LabelError, SpecError
from inklings.inference.crf import CRF, sharpen
from inklings.spec import Experiment, Forest, Teacher
from inklings.supervision.base import Target
from inklings.training.examples import Examples
from inklings.training.forest import thinned_by_forest
from inklings.training.learn import Trained, learn
from inklings.training.teacher_maps import TeacherMaps
from inklings.training.thinning import HALF, Answer, Levels, inside, shares, thinned

_MORE = 1.2
"""So much more of the inside than of the outside has to look positive."""


@dataclass(frozen=True)
class Lesson:
    """What the teacher made of one class.

    Attributes:
        name: The class.
        chance: Probability that the teacher gives to ``Teacher.false_alarms`` of the samples
            outside; what lies below it says nothing.
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
        val: The validation part with labels of the same kind, nothing left out, on which the
            student's threshold is chosen; None where there is none.
        teacher: The last pass.
        lessons: What was done to each class.
        by_forest: Share of the inside of each class that was left to the teacher by the forest;
            empty where none thinned it.
    """

    train: Examples
    val: Examples | None
    teacher: Trained
    lessons: list[Lesson]
    by_forest: dict[str, float] = field(default_factory=dict)


def teach(
    experiment: Experiment,
    labels: Examples,
    val: Examples | None,
    classes: Sequence[str],
    out: Path | None = None,
) -> Taught:
    """Labels for the student, the teacher, and what it did.

    Args:
        experiment: With a ``teacher``.
        labels: Images with labels that are too wide: outlines, or whole tiles of positive slides.
        val: The same of the validation part; the teacher marks it without having seen it.
        classes: Names of the classes.
        out: Folder of the teacher's own run; None writes nothing.

    Raises:
        LabelError: If nothing is inside, or nothing outside, for some class; or if the inside
            looks no more positive than the outside, so that there is nothing to teach.
    """
    spec = experiment.teacher
    if spec is None:
        raise SpecError("expected an experiment with a teacher, got none")
    _require_kinds(labels, classes)
    kept = _by_forest(spec.forest, labels, classes, experiment.training.seed)
    targets: Sequence[Target] = labels.targets if kept is None else kept
    levels: list[Levels] = []
    trained: Trained | None = None
    alarms = spec.false_alarms
    for number, share in enumerate([alarms] if isinstance(alarms, float) else alarms):
        folder = out / str(number + 1) if out else None
        first = trained.model.state_dict() if trained else None
        told = labels.with_targets(targets)
        own = _own(experiment, spec, as_given=number == 0 and kept is None)
        trained = learn(own, told, None, classes=classes, out=folder, initial=first)
        maker = TeacherMaps(experiment, trained, len(classes))
        measure = partial(_levels, share=share, spec=spec)
        maker.stretch(labels, measure)
        maps = maker.of(labels)
        levels = [measure(maps, labels.targets, k) for k in range(len(classes))]
        targets = _marked(labels, maps, levels, spec.crf)
        _require_found(labels.targets, targets, share, classes)
    assert trained is not None
    if val is not None:
        whole = [Levels(level.sure, level.sure) for level in levels]
        val = val.with_targets(_marked(val, maker.of(val), whole, spec.crf))
    chances = [s.probability(level.sure) for s, level in zip(maker.scales, levels, strict=True)]
    lessons = [
        Lesson(name, chances[k], *shares(labels.targets, targets, k))
        for k, name in enumerate(classes)
    ]
    left = {} if kept is None else _positive_shares(labels.targets, kept, classes)
    return Taught(labels.with_targets(targets), val, trained, lessons, left)


def _require_kinds(labels: Examples, classes: Sequence[str]) -> None:
    for k, name in enumerate(classes):
        holding = any(inside(target, k).any() for target in labels.targets)
        if not holding or all(inside(target, k).all() for target in labels.targets):
            raise LabelError(
                f"teacher: expected cases with and without {name}, got only "
                f"{'positive' if holding else 'negative'} ones in the training part"
            )


def _by_forest(
    spec: Forest | None, labels: Examples, classes: Sequence[str], seed: int
) -> list[Target] | None:
    """What the forest keeps of the labels; None where there is none, or it found nothing."""
    if spec is None:
        return None
    kept, share = thinned_by_forest(labels, spec, classes, seed), spec.false_alarms[-1]
    for name, found in _positive_shares(labels.targets, kept, classes).items():
        if found <= _MORE * share:
            progress.note(
                f"forest: {found:.1%} of the inside of {name} looks positive, and {share:.1%} of "
                "the outside does; the teacher learns from the labels as they are"
            )
            return None
    return kept


def _require_found(
    told: Sequence[Target], marked: Sequence[Target], share: float, classes: Sequence[str]
) -> None:
    """Refuse a teacher to whom the inside looks no more positive than the outside."""
    for name, found in _positive_shares(told, marked, classes).items():
        if found <= _MORE * share:
            raise LabelError(
                f"teacher: expected more of the inside of {name} than of the outside to look "
                f"positive, got {found:.1%} of it at a level that {share:.1%} of the outside "
                "exceeds; let it learn longer (teacher.steps), faster (teacher.learning_rate), or "
                "see wider (teacher.model)"
            )


def _positive_shares(
    told: Sequence[Target], marked: Sequence[Target], classes: Sequence[str]
) -> dict[str, float]:
    """Share of the inside of each class that is still positive."""
    return {name: shares(told, marked, k)[0] for k, name in enumerate(classes)}


def _marked(
    labels: Examples,
    maps: Sequence[NDArray[np.uint8]],
    levels: Sequence[Levels],
    crf: Mapping[str, float] | None,
) -> list[Target]:
    """What maps make of the labels as they were given, at the levels of chance."""
    images = progress.track(labels.images, "teacher marks")
    return [
        _target(image, dense, told, levels, crf)
        for image, dense, told in zip(images, maps, labels.targets, strict=True)
    ]


def _own(experiment: Experiment, spec: Teacher, as_given: bool) -> Experiment:
    """The experiment of a pass of the teacher: its own parts, the rest as the student's.

    Its loss is for the labels as they were given; thinned ones are learnt as the student does.
    """
    loss = spec.loss if as_given else None
    bag = loss.options.get("bag", 1) if loss else 1
    sampling = spec.sampling
    if sampling is None and bag > 1:
        alike = {"bag": bag, "by_case": False, "by_class": False, "positives": 0.0}
        sampling = experiment.sampling.model_copy(update=alike)
    given = {"loss": loss, "model": spec.model, "sampling": sampling}
    training = {
        "batch_size": spec.batch_size,
        "steps": spec.steps,
        "learning_rate": spec.learning_rate,
    }
    changed: dict[str, Any] = {"validate_every": None, "patience": None}
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


def _levels(
    maps: Sequence[NDArray[np.uint8]],
    targets: Sequence[Target],
    k: int,
    share: float,
    spec: Teacher,
) -> Levels:
    """The scores that ``share`` of the samples outside exceed, and ``spec.doubt`` times as many."""
    outside = np.concatenate(
        [
            dense[k][(target.value[k] < HALF) & target.known][:: spec.thinning]
            for dense, target in zip(maps, targets, strict=True)
        ]
    )
    # Of the 8 bits of a map, the lowest value that no larger share reaches: ties are not halved.
    reached = np.bincount(outside, minlength=257)[::-1].cumsum()[::-1] / max(outside.size, 1)
    low, high = (
        (int(np.argmax(reached <= part)) - 0.5) / 255
        for part in (min(share * spec.doubt, 0.9), share)
    )
    return Levels(low, high)


def _target(
    image: NDArray[Any],
    dense: NDArray[np.uint8],
    told: Target,
    levels: Sequence[Levels],
    crf: Mapping[str, float] | None,
) -> Target:
    answers: list[Answer | None] = []
    for k, level in enumerate(levels):
        if not inside(told, k).any():
            answers.append(None)
            continue
        p = dense[k].astype(np.float32) / 255
        sure = _exceeds(p, level.sure, image, crf)
        maybe = sure if level.doubtful == level.sure else _exceeds(p, level.doubtful, image, crf)
        answers.append(Answer(sure, maybe))
    return thinned(told, answers)


def _exceeds(
    p: NDArray[np.float32], cut: float, image: NDArray[Any], crf: Mapping[str, float] | None
) -> NDArray[np.bool_]:
    """Where the map, or the map along the edges of the image, reaches ``cut``."""
    if crf is None:
        return p >= cut
    along: NDArray[np.bool_] = sharpen(_colours(image), _rescaled(p, cut), CRF.of(crf)) >= 0.5
    return along


def _colours(image: NDArray[Any]) -> NDArray[np.float32]:
    """What the CRF takes as colours, 0 to 255."""
    colours = image[:3].astype(np.float32)
    if image.dtype == np.uint8:
        return colours
    span = max(float(colours.max() - colours.min()), 1e-9)
    spread: NDArray[np.float32] = (colours - colours.min()) * (255 / span)
    return spread


def _rescaled(probability: NDArray[np.float32], cut: float) -> NDArray[np.float32]:
    """The probability whose odds are one at ``cut``."""
    cut = min(max(cut, 0.02), 0.98)
    odds = np.log(np.clip(probability, 1e-4, None) / np.clip(1 - probability, 1e-4, None))
    scaled: NDArray[np.float32] = 1 / (1 + np.exp(np.log(cut / (1 - cut)) - odds))
    return scaled.astype(np.float32)


def lesson_facts(taught: Taught) -> dict[str, Any]:
    """For the record of the run."""
    return {
        "forest": taught.by_forest,
        "lessons": [dataclasses.asdict(lesson) for lesson in taught.lessons],
        "steps": taught.teacher.steps,
        "seconds": round(taught.teacher.seconds, 3),
    }
