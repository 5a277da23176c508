"""One sitting of a cross-validation: some folds of a repeat, trained in one go and tested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inklings import progress
from inklings.bags.task import Task, target, task_of
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.folds import Fold, folds
from inklings.cohorts.leaks import Training, clear
from inklings.data.bag_examples import BagExamples, gather_bags
from inklings.files import write_json
from inklings.inference.bags import predict_instances
from inklings.runs.run import Run, RunRecord
from inklings.spec import BagExperiment
from inklings.tasks.bag_folds import Part, learn_parts, together
from inklings.tasks.bags import learn, thresholds_of
from inklings.training.bag_validation import BagValidator

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """How often what is divided.

    Attributes:
        folds: Of a repeat.
        repeats: Shuffles.
        seed: Of the shuffles; the training of fold f of repeat r has a seed of its own.
        val: Share held out of each training part to choose the threshold; 0 keeps one half.
        members: Trainings a fold, of other seeds, whose probabilities are averaged.
    """

    folds: int = 10
    repeats: int = 10
    seed: int = 0
    val: float = 0.0
    members: int = 1


def sittings(
    experiment: BagExperiment, cohort: Cohort, out: Path, plan: Plan
) -> Iterator[tuple[int, list[int]]]:
    """Repeat, and numbers of the folds that are trained in one go; what is done is left out.

    Folds that sit together always do: a sitting of which one is missing is held again, so that
    what comes of it does not depend on where it was interrupted.
    """
    task = task_of(cohort, experiment.bags.task)
    most = together(
        experiment, gather_bags(cohort.cases, cohort.classes, task), cohort.classes, task
    )
    size = max(1, most // plan.members)
    for repeat in range(plan.repeats):
        for first in range(0, plan.folds, size):
            numbers = list(range(first, min(first + size, plan.folds)))
            if not all(fold_path(out, repeat, number).is_file() for number in numbers):
                yield repeat, numbers


@progress.silenced()
def sit(
    experiment: BagExperiment, out: Path, plan: Plan, sitting: tuple[int, Sequence[int]]
) -> None:
    """Train folds of one repeat, and write what is said of the cases that each leaves out."""
    repeat, numbers = sitting
    torch.set_num_threads(1)
    cohort = Cohort.read(experiment.cohort)
    task = task_of(cohort, experiment.bags.task)
    bags = gather_bags(cohort.cases, cohort.classes, task)
    divided = [_parts(fold, bags) for fold in _folds(cohort, task, plan, repeat)]
    patients = {case.id: case.patient for case in cohort}
    for number in numbers:
        who = {
            part: frozenset(patients[bags.ids[k]] for k in np.flatnonzero(mask))
            for part, mask in divided[number].items()
        }
        clear([Training(f"fold {number}", who["train"] | who["val"])], who["test"])
    seeds = [
        [seed_of(plan.seed, repeat, number, member) for member in range(plan.members)]
        for number in numbers
    ]
    asked = [
        Part(divided[number]["train"], seed)
        for number, own in zip(numbers, seeds, strict=True)
        for seed in own
    ]
    training = experiment.training.model_copy(
        update={"seed": seed_of(plan.seed, repeat), "loggers": ()}
    )
    spec = experiment.model_copy(update={"training": training})
    names = {"classes": cohort.classes, "task": task}
    held = [divided[number]["val"] for number in numbers for _ in range(plan.members)]
    networks = _learnt(spec, bags, asked, held, names)
    for place, number in enumerate(numbers):
        own = networks[place * plan.members : (place + 1) * plan.members]
        if fold_path(out, repeat, number).is_file():
            continue
        _write(fold_path(out, repeat, number), own, bags, np.flatnonzero(divided[number]["test"]))


def _learnt(
    spec: BagExperiment,
    bags: BagExamples,
    asked: Sequence[Part],
    held: Sequence[Mask],
    names: Mapping[str, Any],
) -> list[Run]:
    """A run for every part, all at once where they fit one committee."""
    if together(spec, bags, **names) == 1:
        trained = [
            learn(
                _seeded(spec, part.seed),
                bags.some(np.flatnonzero(part.train).tolist()),
                _some(bags, val),
                **names,
            )
            for part, val in zip(asked, held, strict=True)
        ]
        return [Run(t.model, t.model_config, RunRecord(t.thresholds), spec) for t in trained]
    model_config, networks = learn_parts(spec, bags, asked, **names)
    runs = []
    for network, val in zip(networks, held, strict=True):
        kept = _some(bags, val)
        judge = BagValidator(kept) if kept is not None else None
        cut = thresholds_of(spec, network, judge, names["task"], len(names["classes"]))
        runs.append(Run(network, model_config, RunRecord(cut), spec))
    return runs


def _write(path: Path, runs: Sequence[Run], bags: BagExamples, test: NDArray[np.intp]) -> None:
    """What the members say of the cases of a fold, on average."""
    left = bags.some(test.tolist())
    said = [[p.probability for _, p in predict_instances(run, left.instances)] for run in runs]
    mean = np.mean(said, axis=0)
    write_json(
        path,
        {
            "thresholds": np.mean([run.record.thresholds for run in runs], axis=0).tolist(),
            "cases": {case: p.tolist() for case, p in zip(left.ids, mean, strict=True)},
        },
    )


def _parts(fold: Fold, bags: BagExamples) -> dict[str, Mask]:
    """Which bags are for training, threshold and test."""
    split = {case.id: case.split for case in fold.cohort}
    return {
        part: np.array([split[name] == part for name in bags.ids])
        for part in ("train", "val", "test")
    }


def _some(bags: BagExamples, mask: Mask) -> BagExamples | None:
    return bags.some(np.flatnonzero(mask).tolist()) if mask.any() else None


def seed_of(*words: int) -> int:
    """A seed for a training, from those of the plan, the repeat, the fold."""
    return int(np.random.default_rng(words).integers(2**31))


def _seeded(spec: BagExperiment, seed: int) -> BagExperiment:
    training = spec.training.model_copy(update={"seed": seed})
    return spec.model_copy(update={"training": training})


def _folds(cohort: Cohort, task: Task, plan: Plan, repeat: int) -> list[Fold]:
    stratum = {
        case.id: "".join(str(int(v)) for v in target(case, cohort.classes, task)[0])
        for case in cohort
    }
    every = folds(cohort, stratum, plan.folds, repeat + 1, plan.seed, plan.val)
    return [fold for fold in every if fold.repeat == repeat]


def fold_path(out: Path, repeat: int, number: int) -> Path:
    """Where the answers of a fold go."""
    return out / "folds" / f"{repeat:02d}-{number:02d}.json"
