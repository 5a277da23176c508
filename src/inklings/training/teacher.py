"""From labels of whole slides to labels of pixels: a teacher's confident maps, for a student.

The teacher is a dense network that learns from bag labels alone (``alpha_beta``). Its map of each
tile is put on one scale, refined along the edges of the image by a dense CRF, and cut into
confident tumour, confident rest, and what is left out. Slides that are known to hold none of a
class are negative throughout: they also say how high the teacher's scores go by chance, which is
where its scale is set.

Reference:
    Lerousseau et al., MICCAI 2020 (the teacher); Krähenbühl & Koltun, NeurIPS 2011 (the CRF).
    Learning from the confident part of a teacher's predictions is Lee, ICML workshop 2013.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings import progress
from inklings.errors import LabelError, SpecError
from inklings.inference.crf import CRF, sharpen
from inklings.inference.dense import predict_array
from inklings.inference.run import Record, Run
from inklings.spec import Experiment, Teacher
from inklings.supervision.base import Target
from inklings.training.examples import Examples
from inklings.training.learn import Trained, learn

_HALF = 128


@dataclass(frozen=True)
class Lesson:
    """What the teacher made of one class.

    Attributes:
        name: The class.
        chance: Probability that the teacher gives to ``Teacher.false_alarms`` of the samples
            of negative slides; what lies below it says nothing.
        positive: Share of the samples of positive slides that the student is told are positive.
        negative: The same of negative ones.
    """

    name: str
    chance: float
    positive: float
    negative: float


def teach(
    experiment: Experiment, bags: Examples, classes: Sequence[str], out: Path | None = None
) -> tuple[Examples, Trained, list[Lesson]]:
    """Pixel labels for the student, the teacher, and what it did.

    Args:
        experiment: With a ``teacher``.
        bags: Tiles whose targets say the label of their slide, everywhere.
        classes: Names of the classes.
        out: Folder of the teacher's own run; None writes nothing.

    Raises:
        LabelError: If a class is present, or absent, in every slide.
    """
    spec = experiment.teacher
    if spec is None:
        raise SpecError("expected an experiment with a teacher, got none")
    present = np.array([[channel.any() for channel in t.value] for t in bags.targets])
    for name, some in zip(classes, present.T, strict=True):
        if some.all() or not some.any():
            raise LabelError(
                f"teacher: expected slides with and without {name}, got only "
                f"{'positive' if some.all() else 'negative'} ones in the training part"
            )
    trained = learn(_own(experiment, spec), bags, None, classes=classes, out=out)
    run = Run(trained.model, trained.blueprint, Record(trained.thresholds), experiment)
    maps = [
        predict_array(run, image).astype(np.float32) / 255
        for image in progress.track(bags.images, "teacher predicts")
    ]
    chance = [
        _chance([m[k] for m, p in zip(maps, present, strict=True) if not p[k]], spec)
        for k in range(len(classes))
    ]
    targets = []
    for image, dense, here in zip(
        progress.track(bags.images, "refine along edges"), maps, present, strict=True
    ):
        targets.append(_target(image, dense, here, chance, spec))
    lessons = [
        Lesson(name, chance[k], *_shares(targets, present[:, k], k))
        for k, name in enumerate(classes)
    ]
    return bags.with_targets(targets), trained, lessons


def _own(experiment: Experiment, spec: Teacher) -> Experiment:
    """The experiment of the teacher: its own loss, bags and length, the rest as the student's."""
    options = {"bag": spec.bag, **spec.loss.options}
    training = {"batch_size": spec.batch_size, "validate_every": None, "patience": None}
    if spec.steps is not None:
        training |= {"steps": spec.steps, "epochs": None}
    if spec.learning_rate is not None:
        training["learning_rate"] = spec.learning_rate
    return experiment.model_copy(
        update={
            "loss": spec.loss.model_copy(update={"options": options}),
            "model": spec.model or experiment.model,
            "sampling": experiment.sampling.model_copy(
                update={"bag": spec.bag, "by_case": False, "by_class": False, "positives": 0.0}
            ),
            "training": experiment.training.model_copy(update=training),
            "inference": experiment.inference.model_copy(update={"threshold": 0.5}),
        }
    )


def _chance(negative: Sequence[NDArray[np.float32]], spec: Teacher) -> float:
    """The score that ``false_alarms`` of the samples of negative slides exceed."""
    scores = np.concatenate([plane.ravel()[:: spec.thinning] for plane in negative])
    return float(np.clip(np.quantile(scores, 1 - spec.false_alarms), 0.02, 0.98))


def _target(
    image: NDArray[Any],
    dense: NDArray[np.float32],
    present: NDArray[np.bool_],
    chance: Sequence[float],
    spec: Teacher,
) -> Target:
    value = np.zeros((len(present), *dense.shape[1:]), np.uint8)
    known = np.ones(dense.shape[1:], np.bool_)
    for k, cut in enumerate(chance):
        if not present[k]:
            continue
        scaled = _rescaled(dense[k], cut)
        if spec.crf:
            colours = image[:3] if image.dtype == np.uint8 else np.zeros((1, *image.shape[1:]))
            scaled = sharpen(colours, scaled, CRF(**spec.crf_options))
        value[k] = (scaled >= spec.confident[1]) * np.uint8(255)
        known &= (scaled >= spec.confident[1]) | (scaled <= spec.confident[0])
    return Target(value * known.astype(np.uint8), known)


def _rescaled(probability: NDArray[np.float32], cut: float) -> NDArray[np.float32]:
    """The probability whose odds are one at ``cut``."""
    odds = np.log(np.clip(probability, 1e-4, None) / np.clip(1 - probability, 1e-4, None))
    return (1 / (1 + np.exp(np.log(cut / (1 - cut)) - odds))).astype(np.float32)


def _shares(targets: Sequence[Target], present: NDArray[np.bool_], k: int) -> tuple[float, float]:
    told = [target for target, here in zip(targets, present, strict=True) if here]
    total = max(1, sum(t.known.size for t in told))
    positive = sum(int((t.value[k] >= _HALF).sum()) for t in told) / total
    known = sum(int(t.known.sum()) for t in told) / total
    return positive, known - positive


def lesson_facts(lessons: Sequence[Lesson], teacher: Trained) -> dict[str, Any]:
    """For the record of the run."""
    return {
        "lessons": [dataclasses.asdict(lesson) for lesson in lessons],
        "steps": teacher.steps,
        "seconds": round(teacher.seconds, 3),
    }
