"""What is asked of a bag, and the labels of its case as numbers to learn.

- ``binary``: is the one class present?
- ``multilabel``: several classes, each a question of its own; unanswered ones are unknown.
- ``multiclass``: exactly one of several.
- ``ordinal``: exactly one of several that are ordered, such as ISUP grades. It is learnt as
  "at least the second class?", "at least the third?", ... (Frank & Hall 2001).
- ``regression`` and ``survival``: a number (`inklings.bags.outcomes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from inklings.bags.outcomes import OUTCOMES, outcome_of
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import LabelError, SpecError
from inklings.labels.kinds import BagLabel

Task = Literal["binary", "multilabel", "multiclass", "ordinal", "regression", "survival"]
TASKS: tuple[Task, ...] = get_args(Task)
QUESTIONS: tuple[Task, ...] = ("binary", "multilabel")
"""Of which each class is answered by itself, from a threshold on."""

FACT = "task"


def task_of(cohort: Cohort, asked: str = "auto") -> Task:
    """The task of a cohort: what was asked for, else what its import noted, else the plain one.

    Raises:
        SpecError: If it does not go with the number of classes.
    """
    name = asked if asked != "auto" else str(cohort.facts.get(FACT, ""))
    count = len(cohort.classes)
    found = next((t for t in TASKS if t == name), "binary" if count == 1 else "multilabel")
    if found in OUTCOMES:
        _require_outcome(cohort, found)
    elif (found == "binary") != (count == 1):
        raise SpecError(
            f"bags.task {found}: expected {'one class' if found == 'binary' else 'several classes'}"
            f", got {count} ({', '.join(cohort.classes)})"
        )
    return found


def _require_outcome(cohort: Cohort, task: Task) -> None:
    """Raise SpecError unless a cohort has numbers of the kind that a task learns."""
    outcome, names = outcome_of(task), cohort.classes
    assert outcome is not None
    if len(names) != 1 or not any(outcome.label(case, names[0]) for case in cohort):
        raise SpecError(
            f"bags.task {task}: expected one label that is a number, got a cohort of "
            f"{', '.join(names)} without any; import it with --value, or --time and --event"
        )


def channels(task: Task, classes: Sequence[str]) -> tuple[str, ...]:
    """Names of what the network answers."""
    if task == "ordinal":
        return tuple(f"at least {name}" for name in classes[1:])
    return tuple(classes)


def target(
    case: Case, classes: Sequence[str], task: Task
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Value and known, ``(K,)`` each, of the channels of a case; ``(V,)`` where it is a number.

    Raises:
        LabelError: If the labels contradict one another or the task.
    """
    outcome = outcome_of(task)
    if outcome is not None:
        numbers = outcome.label(case, classes[0])
        value = np.array(numbers or (0.0,) * outcome.columns, np.float32)
        return value, np.full(len(value), numbers is not None)
    present = presence(case, classes)
    known = ~np.isnan(present)
    if task in ("binary", "multilabel"):
        return np.nan_to_num(present).astype(np.float32), known
    count = len(channels(task, classes))
    if not (present == 1).any():
        return np.zeros(count, np.float32), np.zeros(count, np.bool_)
    chosen = class_of(case, classes)
    if task == "multiclass":
        value = np.eye(count, dtype=np.float32)[chosen]
    else:
        value = (np.arange(count) < chosen).astype(np.float32)
    return value, np.ones(count, np.bool_)


def presence(case: Case, classes: Sequence[str]) -> NDArray[np.float64]:
    """``(K,)``: 1 present, 0 absent, NaN not said.

    Raises:
        LabelError: If both are said of one class.
    """
    said = np.full(len(classes), np.nan)
    for label in case.labels:
        if not isinstance(label, BagLabel) or label.name not in classes:
            continue
        k = list(classes).index(label.name)
        if not np.isnan(said[k]) and said[k] != label.present:
            raise LabelError(f"case {case.id}: {label.name} is labelled present and absent")
        said[k] = float(label.present)
    return said


def class_of(case: Case, classes: Sequence[str]) -> int:
    """Index of the one class that is present.

    Raises:
        LabelError: If it is not exactly one.
    """
    found = np.flatnonzero(presence(case, classes) == 1)
    if len(found) != 1:
        names = ", ".join(classes[int(k)] for k in found) or "none"
        raise LabelError(
            f"case {case.id}: expected exactly one class present, got {names}; if several may "
            "be, set bags.task to multilabel"
        )
    return int(found[0])


def probabilities(task: Task, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """From probabilities of the channels ``(..., K)`` to those of the classes.

    Ordinal: P(class k) = P(at least k) - P(at least k + 1), where the sequence is first made to
    fall (its running minimum), since the questions were answered one by one.
    """
    if task != "ordinal":
        return raw
    falling = np.minimum.accumulate(raw, axis=-1)
    ones, zeros = np.ones_like(raw[..., :1]), np.zeros_like(raw[..., :1])
    steps: NDArray[np.float64] = -np.diff(np.concatenate([ones, falling, zeros], -1), axis=-1)
    return steps


def decide(
    task: Task, probability: NDArray[np.float64], thresholds: Sequence[float]
) -> NDArray[np.int64]:
    """What is reported of ``probability (n, K)``.

    Single questions: ``(n, K)`` of 0 and 1, from the threshold on. One of several: the most
    probable ``(n,)``; of ordered classes the median of their distribution.
    """
    if task in ("binary", "multilabel"):
        return (probability >= np.asarray(thresholds)).astype(np.int64)
    if task == "multiclass":
        best: NDArray[np.int64] = probability.argmax(-1).astype(np.int64)
        return best
    at_least = probability[..., ::-1].cumsum(-1)[..., ::-1]
    median: NDArray[np.int64] = (at_least[..., 1:] >= 0.5).sum(-1).astype(np.int64)
    return median
