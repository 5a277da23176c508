"""Repeated stratified cross-validation by patient, resumable fold by fold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from inklings.bags.outcomes import outcome_of
from inklings.bags.task import Task, decide, presence, target, task_of
from inklings.cohorts.cohort import Cohort
from inklings.crossval.beside import choose_beside, require_beside
from inklings.crossval.choosing import choose
from inklings.crossval.folds import each_fold, predictions_of
from inklings.crossval.joint import Plan, fold_path, sit, sittings
from inklings.errors import DataError
from inklings.evaluation.bag_metrics import Answers, metrics_of
from inklings.evaluation.bags import estimate
from inklings.evaluation.intervals import BOOTSTRAP
from inklings.evaluation.scores import Scores
from inklings.files import read_yaml, write_json, write_yaml
from inklings.parallel import mapped
from inklings.progress import note
from inklings.runs.members import CHOSEN, CROSSVAL, RUNS, SCORES, Chosen
from inklings.spec import BagExperiment, Experiment, SegmentationExperiment
from inklings.tasks import task_of as learner_of


@dataclass(frozen=True)
class Score:
    """One metric over the repeats.

    Attributes:
        name: Of the metric.
        label: Class.
        mean: Over repeats, each pooling the predictions of all its folds.
        deviation: Standard deviation over repeats.
        low: 95 % interval over patients, of the mean over repeats.
        high: Its upper end.
        of_folds: Mean over the single folds, as papers print it.
    """

    name: str
    label: str
    mean: float
    deviation: float
    low: float
    high: float
    of_folds: float


def cross_validate(
    experiment: Experiment,
    out: Path,
    plan: Plan | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    beside: Path | None = None,
) -> list[Score]:
    """Train and test on every fold; what is done in ``out`` is not done again.

    Args:
        experiment: Of any task; its cohort's splits are not looked at.
        out: Folder for one file a fold, and the result.
        plan: How often.
        workers: Processes that share the folds; a training takes all cores, so one by default.
        scheduler: Address of a Dask scheduler instead.
        beside: Another cross-validation of the same folds, the best of which and of this predicts.

    Raises:
        SpecError: If the experiment cannot be, or ``beside`` does not fit.
        DataError: If ``out`` belongs to another one.
    """
    plan = plan or Plan()
    learner_of(experiment).check(experiment)
    cohort = Cohort.read(experiment.cohort)
    classes = (
        isinstance(experiment, BagExperiment)
        and outcome_of(task_of(cohort, experiment.bags.task)) is None
    )
    _claim(experiment, out, plan)
    if beside is not None:
        require_beside(experiment, out, beside)
    if not classes:
        scores = _joined(each_fold(experiment, out, plan, workers, scheduler))
        if isinstance(experiment, SegmentationExperiment):
            _choose(experiment, out, beside)
        write_json(out / SCORES, [asdict(score) for score in scores])
        return scores
    assert isinstance(experiment, BagExperiment)
    todo = list(sittings(experiment, cohort, out, plan))
    held = partial(sit, experiment, out.resolve(), plan)
    for _ in mapped(held, todo, what="cross-validation", workers=workers, scheduler=scheduler):
        pass
    scores = summarise(cohort, experiment, out, plan)
    write_json(out / SCORES, [asdict(score) for score in scores])
    return scores


def _choose(experiment: SegmentationExperiment, out: Path, beside: Path | None) -> None:
    """Leave in ``out`` how its runs predict; what --beside chose stays until it is asked again."""
    before = Chosen.of(out)
    if beside is None and before is not None and RUNS in before.reasons:
        note(
            f"kept what --beside chose before ({before.reasons[RUNS]}); give --beside again to "
            f"choose anew, or delete {out / CHOSEN} to predict with the runs of this one alone"
        )
        return
    if beside is None:
        chosen = choose(experiment, predictions_of(out))
    else:
        chosen = choose_beside(experiment, out, beside)
    if chosen is not None:
        chosen.write(out)


def _joined(
    repeats: Sequence[tuple[Scores, Sequence[Mapping[tuple[str, str], float]]]],
) -> list[Score]:
    """Rows of the repeats that have them as one; an interval is the mean of theirs."""
    scores = []
    found = [{(row.metric, row.label): row for row in scored} for scored, _ in repeats]
    for key in dict.fromkeys(key for one in found for key in one):
        same = [one[key] for one in found if key in one]
        values = np.array([one.value for one in same])
        low, high = (float(np.mean([getattr(one, e) for one in same])) for e in ("low", "high"))
        single = [fold.get(key, np.nan) for _, folds in repeats for fold in folds]
        there = [value for value in single if not np.isnan(value)]
        spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
        of_folds = float(np.mean(there)) if there else float("nan")
        scores.append(Score(*key, float(values.mean()), spread, low, high, of_folds))
    return scores


def summarise(cohort: Cohort, experiment: BagExperiment, out: Path, plan: Plan) -> list[Score]:
    """The metrics of all folds that `cross_validate` has written."""
    task = task_of(cohort, experiment.bags.task)
    repeats = [_read(cohort, task, out, plan, repeat) for repeat in range(plan.repeats)]
    names = [case.patient for case in cohort.cases if _labelled(case, cohort, task)]
    one = np.ones((1, len(names)))
    scores = []
    for metric in metrics_of(task, cohort.classes):
        values = np.array([metric.value(answers, one)[0] for answers, _ in repeats])
        _, low, high = estimate(metric, [answers for answers, _ in repeats], names, BOOTSTRAP)
        single = [
            metric.value(answers, (fold == f).astype(float)[None])[0]
            for answers, fold in repeats
            for f in range(plan.folds)
        ]
        spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
        scores.append(
            Score(
                metric.name,
                metric.label,
                float(values.mean()),
                spread,
                low,
                high,
                float(np.nanmean(single)),
            )
        )
    return scores


def _labelled(case: Any, cohort: Cohort, task: Task) -> bool:
    return bool(target(case, cohort.classes, task)[1].any())


def _read(
    cohort: Cohort, task: Task, out: Path, plan: Plan, repeat: int
) -> tuple[Answers, np.ndarray[Any, np.dtype[np.int64]]]:
    """Answers for every case, and the fold that it was tested in."""
    said: dict[str, tuple[list[float], list[float], int]] = {}
    for number in range(plan.folds):
        record = json.loads(fold_path(out, repeat, number).read_text(encoding="utf-8"))
        for case, p in record["cases"].items():
            said[case] = (p, record["thresholds"], number)
    cases = [case for case in cohort.cases if _labelled(case, cohort, task)]
    probability = np.array([said[case.id][0] for case in cases])
    decided = np.concatenate(
        [decide(task, probability[i : i + 1], said[c.id][1]) for i, c in enumerate(cases)]
    )
    truth = np.stack([presence(case, cohort.classes) for case in cases])
    if task not in ("binary", "multilabel"):
        truth = truth.argmax(1).astype(float)
    return Answers(probability, decided, truth), np.array([said[c.id][2] for c in cases])


def _claim(experiment: Experiment, out: Path, plan: Plan) -> None:
    mine = {"plan": asdict(plan), "experiment": experiment.model_dump(mode="json")}
    path = out / CROSSVAL
    if path.is_file() and read_yaml(path, "a cross-validation") != mine:
        raise DataError(f"{out} holds another cross-validation; choose another --out")
    write_yaml(path, mine)


def lines(scores: Sequence[Score]) -> list[str]:
    """The scores for people."""
    head = f"{'':30} pooled   sd of repeats   95 % interval     mean of folds"
    return [head] + [
        f"{s.label + ': ' + s.name:30} {s.mean:6.4f}   {_spread(s.deviation)}          "
        f"{s.low:.3f} to {s.high:.3f}    {s.of_folds:6.4f}"
        for s in scores
    ]


def _spread(deviation: float) -> str:
    return "-     " if np.isnan(deviation) else f"{deviation:6.4f}"
