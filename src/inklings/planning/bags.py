"""Rules of bags: which encoder, pooling and schedule, by what instances are and how many there are.

Values are those that were measured on digits and on tables of features (experiments/bags).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from inklings.bags.outcomes import OUTCOMES
from inklings.bags.task import Task, task_of
from inklings.cohorts.bags import common_shape, spans
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import LabelError
from inklings.planning.budget import Budget
from inklings.planning.plan import Choice

_FEW = 100
_SAMPLE = 200
_VALUES = 100_000_000  # numbers of a batch of bags


@dataclass(frozen=True)
class BagFingerprint:
    """What is to be learnt from.

    Attributes:
        name: Of the cohort.
        task: What is asked of a bag.
        bags: With labels in the training part.
        held_out: The same of the validation part.
        patients: Of the training part.
        shape: Of an instance: ``(D,)`` features or ``(C, H, W)`` of a picture.
        instances: Median of a bag.
        most: Largest of those that were looked at.
    """

    name: str
    task: Task
    bags: int
    held_out: int
    patients: int
    shape: tuple[int, ...]
    instances: int
    most: int

    @property
    def pictures(self) -> bool:
        """Whether instances are pictures."""
        return len(self.shape) == 3


def fingerprint_bags(cohort: Cohort) -> BagFingerprint:
    """Look at the labels of the training part, and at how many instances some of its bags have.

    Raises:
        DataError: If a file cannot be read.
        LabelError: If no bag of the training part has a label.
    """
    train = [case for case in cohort.part("train") if case.labels]
    if not train:
        raise LabelError(
            f"{cohort.name}: expected bags with a label in the training part, got none; import "
            "the labels too"
        )
    some = train[:: max(1, len(train) // _SAMPLE)]
    counts = [_count(case) for case in some]
    return BagFingerprint(
        name=cohort.name,
        task=task_of(cohort),
        bags=len(train),
        held_out=sum(bool(case.labels) for case in cohort.part("val")),
        patients=len({case.patient for case in train}),
        shape=common_shape(some),
        instances=int(np.median(counts)),
        most=max(counts),
    )


def _count(case: Case) -> int:
    return sum(map(len, spans(case)))


def bags(seen: BagFingerprint, budget: Budget) -> Iterator[Choice]:
    """The experiment of bags, line by line."""
    number = seen.task in OUTCOMES
    yield Choice("bags.task", seen.task, "as the cohort says")
    batch = 4 if seen.pictures and seen.bags <= _FEW else 16
    batch = 32 if seen.task == "survival" else batch
    most = _VALUES // (batch * int(np.prod(seen.shape)))
    if seen.most > most:
        why = f"bags of up to {seen.most} instances: a step sees some of each"
        yield Choice("bags.max_instances", most, why)
    yield Choice("model.name", "bags", f"{seen.instances} instances under one label")
    if seen.pictures:
        yield from _pictures(seen, number)
    else:
        yield from _features(seen, number)
    yield Choice("training.batch_size", batch, f"{seen.bags} training bags")
    yield Choice("training.steps", *_steps(seen, batch))
    yield Choice("training.minutes", budget.minutes, "at most, as asked")
    if not number and seen.task not in ("multiclass", "ordinal"):
        yield Choice("inference.threshold", *_threshold(seen))


def _pictures(seen: BagFingerprint, number: bool) -> Iterator[Choice]:
    yield Choice("bags.augment[]", "affine", "small pictures: shifted, turned, sheared a little")
    size = " x ".join(map(str, seen.shape))
    yield Choice("model.encoder", "small_cnn", f"pictures of {size}: a small network, unpretrained")
    yield Choice("model.pooling", *_pooling(seen, number, "noisy_or"))
    yield Choice("loss", *_loss(seen))
    yield Choice("training.learning_rate", 3.0e-3, "with one cycle")
    yield _decay(0.05)


def _features(seen: BagFingerprint, number: bool) -> Iterator[Choice]:
    encoder = {"name": "mlp", "hidden": [64], "dropout": 0.25 if number else 0.5}
    yield Choice("model.encoder", encoder, f"{seen.shape[0]} features: one layer, much left out")
    yield Choice("model.pooling", *_pooling(seen, number, "gated_attention"))
    yield Choice("loss", *_loss(seen))
    rate = 1.0e-3 if seen.task == "survival" else 2.0e-3
    yield Choice("training.learning_rate", rate, "few weights, few bags")
    yield Choice("training.schedule", "cosine", "falls from the first step")
    yield Choice("training.precision", "32-true", "small products gain nothing from bf16")
    yield _decay(0.1)


def _decay(weight_decay: float) -> Choice:
    options = {"name": "adamw", "weight_decay": weight_decay}
    return Choice("training.optimiser", options, "bags are few: large weights are paid for")


def _pooling(seen: BagFingerprint, number: bool, name: str) -> tuple[object, str]:
    if name == "noisy_or" and seen.task in ("binary", "multilabel"):
        return "noisy_or", "one positive instance makes a bag positive"
    why = "a number is of all instances" if number else "which instances count is learnt"
    return {"name": "gated_attention", "hidden": 64}, why


def _loss(seen: BagFingerprint) -> tuple[str, str]:
    named = {"regression": "huber", "survival": "cox"}
    return named.get(seen.task, "bag"), f"the task is {seen.task}"


def _steps(seen: BagFingerprint, batch: int) -> tuple[int, str]:
    """Bags are shown so many times in all: more learns them by heart."""
    if seen.task == "survival":
        shown = 3_200
    elif seen.pictures:
        shown = max(7_000 if seen.bags <= _FEW else 8_000, 4 * seen.bags)
    else:
        shown = max(9_600 if seen.task == "regression" else 4_800, 10 * seen.bags)
    return max(1, shown // batch), f"{shown} bags in all; longer ones learn them by heart"


def _threshold(seen: BagFingerprint) -> tuple[object, str]:
    if seen.held_out < 50:
        return 0.5, f"{seen.held_out} validation bags are too few to choose it by"
    return "auto", f"chosen on {seen.held_out} validation bags"


def head_of(seen: BagFingerprint) -> Sequence[str]:
    """What was seen, in lines."""
    kind = "pictures" if seen.pictures else "features"
    size = " x ".join(map(str, seen.shape))
    return (
        f"{seen.name}: {seen.bags} bags of {seen.patients} patients for training, "
        f"{seen.held_out} for validation",
        f"about {seen.instances} instances a bag, {kind} of {size}; task {seen.task}",
    )
