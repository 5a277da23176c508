"""One fold after the other, of any task: train, predict what was left out, score it."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inklings import progress
from inklings.cohorts.case import SPLITS, Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.folds import Fold, folds
from inklings.cohorts.splits import strata
from inklings.crossval.joint import Plan, seed_of
from inklings.errors import DataError, SpecError
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.evaluation.scores import Scores
from inklings.files import write_json, write_rows
from inklings.inference.predict import predict
from inklings.inference.predictor import Options
from inklings.inference.slide_cases import write_areas
from inklings.labels.kinds import BagLabel, MaskLabel
from inklings.parallel import mapped
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import CROSS_VALIDATED, Head
from inklings.runs.run import RunRecord
from inklings.spec import Experiment, SegmentationExperiment
from inklings.system import link_or_copy
from inklings.tasks.train import train

DONE = "fold.json"
FOLDS = "folds.csv"


@dataclass(frozen=True)
class OneFold:
    """Trains and tests one fold, in any process; what is there is gone on with."""

    experiment: Experiment
    out: Path
    plan: Plan

    @progress.silenced()
    def __call__(self, place: tuple[int, int]) -> None:
        """The fold ``(repeat, number)``."""
        folder = fold_folder(self.out, *place)
        if (folder / DONE).is_file():
            return
        cohort = _fold(Cohort.read(self.experiment.cohort), self.plan, *place).cohort
        (folder / "cohort").mkdir(parents=True, exist_ok=True)
        cohort.write(folder / "cohort")
        update = {"seed": seed_of(self.plan.seed, *place), "loggers": ()}
        training = self.experiment.training.model_copy(update=update)
        mine = self.experiment.model_copy(
            update={"training": training, "cohort": folder / "cohort"}
        )
        train(mine, folder / "run", resume=True)
        # Components are chosen on all folds together, so nothing is taken away before.
        auto = isinstance(mine, SegmentationExperiment) and mine.inference.components == "auto"
        whole: Options = {"split": "test", "components": "all" if auto else None}
        done = predict(folder / "run", [folder / "cohort"], folder / "predictions", **whole)
        if done.failed:
            case, reason = next(iter(done.failed.items()))
            raise DataError(f"{folder}: case {case} could not be predicted: {reason}")
        # Against the cohort itself, beside which the truth lies; whom the run has seen is refused.
        scores = evaluate(folder / "predictions", self.experiment.cohort, Settings(split="all"))
        rows = [{"metric": r.metric, "label": r.label, "value": r.value} for r in scores]
        write_json(folder / DONE, {"counts": _counts(folder, cohort), "rows": rows})


def each_fold(
    experiment: Experiment, out: Path, plan: Plan, workers: int, scheduler: str | None = None
) -> list[tuple[Scores, list[dict[tuple[str, str], float]]]]:
    """For each repeat the scores of all cases together, and the values of its folds.

    Raises:
        SpecError: If runs of the task predict nothing by themselves, or an option means nothing.
    """
    if not experiment.predictor:
        raise SpecError(
            f"task {experiment.task}: its runs cannot predict alone, so there is nothing "
            "to cross-validate; use the task that includes them"
        )
    if plan.members > 1:
        raise SpecError("--members: applies only to bags with classes; leave it out")
    work = OneFold(experiment, out.resolve(), plan)
    places = [(r, f) for r in range(plan.repeats) for f in range(plan.folds)]
    todo = [p for p in places if not (fold_folder(out, *p) / DONE).is_file()]
    for _ in mapped(work, todo, what="cross-validation", workers=workers, scheduler=scheduler):
        pass
    write_rows(out / FOLDS, [_row(out, *place) for place in places])
    found = []
    for repeat in range(plan.repeats):
        folders = [fold_folder(out, repeat, number) for number in range(plan.folds)]
        together = pooled(folders, predictions_of(out, repeat))
        scores = evaluate(together, experiment.cohort, Settings(split="all"))
        found.append((scores, [_values(folder / DONE) for folder in folders]))
    return found


def pooled(folders: Sequence[Path], out: Path) -> Path:
    """One folder of the predictions of all folds: each case by the run that has not seen it.

    ``cases.csv`` there says which that is.

    Raises:
        DataError: If a case is predicted by several folds or by none, or by a run that has seen
            its patient: the folder of a fold was changed.
    """
    rows = [row for folder in folders for row in _cases(folder)]
    names = [row["case"] for row in rows]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{folders[0].parent}: case {twice} is tested in two folds; delete them")
    shutil.rmtree(out, ignore_errors=True)
    heads = [Head.read(folder / "predictions") for folder in folders]
    for folder in folders:
        there = folder / "predictions"
        for name in ("cases", "findings"):
            if (there / name).is_dir():
                shutil.copytree(
                    there / name, out / name, copy_function=link_or_copy, dirs_exist_ok=True
                )
    cut = np.mean([head.thresholds for head in heads], axis=0).tolist() if heads else []
    first = heads[0]
    dataclasses.replace(
        first,
        thresholds=tuple(cut),
        trained_on=(),
        provenance=dataclasses.replace(
            first.provenance, run=str(out), weights_sha256="", split_hash=None
        ),
        settings={**first.settings, CROSS_VALIDATED: True},
    ).write(out)
    pooled = PredictionFolder.open(out)
    if lost := sorted(set(names) ^ set(pooled.cases)):
        raise DataError(
            f"{out}: expected each of {len(names)} cases by its fold, got {len(pooled.cases)} "
            f"({lost[0]}, ...); delete the folders of folds that were changed"
        )
    write_rows(out / "cases.csv", rows)
    write_areas(pooled)
    return out


def _cases(folder: Path) -> list[dict[str, str]]:
    """Case, patient and run of all that a fold tests."""
    test = Cohort.read(folder / "cohort").part("test")
    seen = set(RunRecord.read(folder / "run").trained_on)
    if leaked := sorted(case.id for case in test if case.patient in seen):
        raise DataError(
            f"{folder}: its run was trained on the patient of case {leaked[0]}, which it tests; "
            "delete the folder and run again"
        )
    return [{"case": case.id, "patient": case.patient, "fold": folder.name} for case in test]


def _counts(folder: Path, cohort: Cohort) -> dict[str, Any]:
    """How many patients and cases a fold learns from and tests, and what its training took."""
    record = RunRecord.read(folder / "run")
    counts = {
        f"{part}_{what}": len({getattr(case, name) for case in cohort.part(part)})
        for part in SPLITS
        for what, name in (("patients", "patient"), ("cases", "id"))
    }
    return {**counts, "steps": record.facts.get("steps"), "seconds": record.seconds}


def _row(out: Path, repeat: int, number: int) -> dict[str, Any]:
    """A fold as a line of ``folds.csv``."""
    done = json.loads((fold_folder(out, repeat, number) / DONE).read_text(encoding="utf-8"))
    scores = {
        f"{row['metric']} {row['label']}".strip(): "" if row["value"] is None else row["value"]
        for row in done["rows"]
    }
    return {"repeat": repeat, "fold": number, **done["counts"], **scores}


def fold_lines(out: Path) -> list[str]:
    """``folds.csv`` for people: how many each fold learnt from and tested, and a score a class."""
    if not (out / FOLDS).is_file():
        return []
    lines = []
    with (out / FOLDS).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            names = list(row)[list(row).index("seconds") + 1 :]
            first = names[0].split(" ")[0] if names else ""
            scores = [
                f"{n} {float(row[n]):.3f}" for n in names if n.split(" ")[0] == first and row[n]
            ]
            lines.append(
                f"fold {row['repeat']}-{row['fold']}: trained on {row['train_cases']} cases of "
                f"{row['train_patients']} patients, tested {row['test_cases']} of "
                f"{row['test_patients']}; {', '.join(scores)}"
            )
    return lines


def predictions_of(out: Path, repeat: int = 0) -> Path:
    """Where the predictions of all cases of a repeat lie."""
    return out / ("predictions" if not repeat else f"predictions-{repeat:02d}")


def fold_folder(out: Path, repeat: int, number: int) -> Path:
    """Where cohort, run and predictions of a fold lie."""
    return out / "folds" / f"{repeat:02d}-{number:02d}"


def _fold(cohort: Cohort, plan: Plan, repeat: int, number: int) -> Fold:
    labelled = cohort.where(lambda case: bool(case.labels))
    if not len(labelled):
        raise DataError(f"cohort {cohort.name}: expected labelled cases, got none")
    stratum = strata(labelled.cases, {case.id: _shown(case) for case in labelled})
    every = folds(labelled, stratum, plan.folds, repeat + 1, plan.seed, plan.val)
    return next(one for one in every if (one.repeat, one.number) == (repeat, number))


def _shown(case: Case) -> list[str]:
    """Classes that the records of a case name; no file is opened."""
    names: dict[str, None] = {}
    for label in case.labels:
        if isinstance(label, MaskLabel):
            names.update(dict.fromkeys(label.classes))
        elif not isinstance(label, BagLabel) or label.present:
            names[label.name] = None
    return sorted(names)


def _values(path: Path) -> dict[tuple[str, str], float]:
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return {
        (row["metric"], row["label"]): np.nan if row["value"] is None else float(row["value"])
        for row in rows
    }
