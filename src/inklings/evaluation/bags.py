"""Score predictions of bags: diagnoses with intervals over patients, and the instances found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inklings.errors import DataError, LabelError, SpecError
from inklings.evaluation.bag_instances import INSTANCE_METRICS, instance_rows
from inklings.evaluation.bag_metrics import Answered, BagMetric, BagTask
from inklings.evaluation.changes import Change
from inklings.evaluation.family import Family, Job, ScoredSource, Selection
from inklings.evaluation.instance_truth import instance_truth
from inklings.evaluation.intervals import Bootstrap, difference
from inklings.evaluation.metric import Array
from inklings.evaluation.results import Results
from inklings.evaluation.scores import Row
from inklings.evaluation.selection import select
from inklings.predictions.bags import BagPrediction
from inklings.predictions.head import VALUES, Head
from inklings.registry import Registry

BAG_TASKS: Registry[BagTask] = Registry(
    "task of bags",
    {
        "binary": "inklings.evaluation.bag_metrics:Classification",
        "multilabel": "inklings.evaluation.bag_metrics:Classification",
        "multiclass": "inklings.evaluation.bag_metrics:Classification",
        "ordinal": "inklings.evaluation.bag_metrics:Classification",
        "regression": "inklings.evaluation.bag_outcomes:OutcomeTask",
        "survival": "inklings.evaluation.bag_outcomes:OutcomeTask",
    },
)
"""How each task of bags is scored; each is called with the name of the task."""


@dataclass(frozen=True)
class BagScoring:
    """Predictions of chosen bags, and the metrics that they are scored by."""

    job: Job
    selection: Selection
    task: BagTask
    metrics: tuple[BagMetric, ...]

    def measure(self) -> Results:
        """Rows of the bags and of their instances."""
        settings, cases = self.job.settings, self.selection.cases
        patients = [case.patient for case in cases]
        weights = case_weights(patients, settings.bootstrap)
        single = each_alone(patients)
        predictions = self._read(self.job.mine)
        answers = self.task.answers(predictions, cases, self.job.mine.head)
        rows_of = partial(self._rows_of, answers)
        rows = list(rows_of({case.id for case in cases}))
        usual = instance_metrics(self.job.mine.head)
        wanted = set(settings.metrics or usual) & set(usual)
        if wanted:
            truths, classes = instance_truth(self.job.cohort), self.job.mine.head.classes
            instances = instance_rows(
                predictions, truths, classes, weights, single, settings.bootstrap
            )
            rows += [row for row in instances if row.metric in wanted]
        lines = [
            {"case": case.id, "patient": case.patient, **answers.line(i)}
            for i, case in enumerate(cases)
        ]
        facts = {
            **self.selection.facts,
            "resamples": settings.bootstrap.resamples,
            "cases": len(cases),
            "patients": len(set(patients)),
        }
        changes: tuple[Change, ...] = ()
        if self.job.theirs:
            rival = self.task.answers(self._read(self.job.theirs), cases, self.job.theirs.head)
            changes = tuple(self._change(m, answers, rival, weights, single) for m in self.metrics)
        notes = tuple(attention_notes(rows))
        return Results(
            tuple(rows), tuple(lines), facts, changes=changes, warnings=notes, rows_of=rows_of
        )

    def _read(self, source: ScoredSource) -> list[BagPrediction]:
        return [BagPrediction.read(source.path, case.id) for case in self.selection.cases]

    def _rows_of(self, answers: Answered, ids: Collection[str]) -> tuple[Row, ...]:
        """Rows over some of the cases."""
        cases = self.selection.cases
        own = np.flatnonzero([case.id in ids for case in cases])
        patients = [cases[i].patient for i in own]
        return tuple(
            self._row(_of_some(metric, own, len(cases)), answers, patients)
            for metric in self.metrics
        )

    def _row(self, metric: BagMetric, answers: Answered, patients: Sequence[str]) -> Row:
        bootstrap = self.job.settings.bootstrap
        n, there = rests_on(metric, answers, patients)
        value, low, high = estimate(metric, [answers], patients, bootstrap)
        return Row(
            metric.name, value, low, high, n, there, "", metric.label, metric.title, metric.higher
        )

    def _change(
        self, metric: BagMetric, mine: Answered, theirs: Answered, weights: Array, single: Array
    ) -> Change:
        """Paired difference over patients."""
        one = np.ones((1, weights.shape[1]))
        first, second = (float(metric.value(a, one)[0]) for a in (mine, theirs))
        drawn = metric.value(mine, weights) - metric.value(theirs, weights)
        differs = [mine.line(i) != theirs.line(i) for i in range(weights.shape[1])]
        differing = int(np.count_nonzero(single @ np.array(differs, float)))
        there = rests_on(metric, mine, [case.patient for case in self.selection.cases])[1]
        d = difference(first, second, drawn, there, differing, self.job.settings.bootstrap.level)
        return Change.of(metric, metric.label, d)


def prepare(job: Job) -> BagScoring:
    """Choose cases and metrics.

    Raises:
        SpecError: If a metric is unknown.
        DataError: If cases, classes or tasks do not fit together, or nothing is labelled.
    """
    name = _task_of(job.mine)
    if job.theirs and _task_of(job.theirs) != name:
        raise DataError(
            f"--compare: expected bags of the task {name}, got {_task_of(job.theirs)} in "
            f"{job.theirs.path}"
        )
    task, classes = BAG_TASKS.get(name)(name), job.mine.head.classes
    metrics, asked = task.metrics(classes), job.settings.metrics
    known = [*dict.fromkeys(metric.name for metric in metrics), *instance_metrics(job.mine.head)]
    for one in asked or ():
        if one not in known:
            raise SpecError(f"no metric of bags named {one!r}; known: {', '.join(known)}")
    selection = select(job)
    labelled = [case for case in selection.cases if task.is_labelled(case, classes)]
    if not labelled:
        raise LabelError(
            f"none of the {len(selection.cases)} cases has a label to be scored against"
        )
    wanted = tuple(metric for metric in metrics if asked is None or metric.name in asked)
    return BagScoring(job, selection.only(labelled), task, wanted)


FAMILY = Family("bags", frozenset({"split", "compare", "by"}), prepare)


def _task_of(source: ScoredSource) -> str:
    return str(source.head.settings.get("task", ""))


def instance_metrics(head: Head) -> tuple[str, ...]:
    """Those of instances; where the answer is a number, nothing can be calibrated."""
    return tuple(m for m in INSTANCE_METRICS if m != "instance_ece" or VALUES not in head.settings)


def case_weights(patients: Sequence[str], bootstrap: Bootstrap) -> Array:
    """``(R, n)``: how often each case is drawn, patient by patient."""
    names, index = np.unique(np.asarray(patients), return_inverse=True)
    return bootstrap.weights(len(names))[:, index]


def each_alone(patients: Sequence[str]) -> Array:
    """``(P, n)``: weights of the cases of each patient by itself."""
    names, index = np.unique(np.asarray(patients), return_inverse=True)
    return np.eye(len(names))[:, index]


def _of_some(metric: BagMetric, own: NDArray[np.intp], count: int) -> BagMetric:
    """The metric over the cases ``own`` of ``count``, with weights of these alone."""

    def value(answers: Answered, weights: Array) -> Array:
        wide = np.zeros((len(weights), count))
        wide[:, own] = weights
        return metric.value(answers, wide)

    kind = metric.positive
    return replace(
        metric, value=value, positive=None if kind is None else lambda answers: kind(answers)[own]
    )


def rests_on(metric: BagMetric, answers: Answered, patients: Sequence[str]) -> tuple[int, int]:
    """Cases and patients that a number is of: the sensitivity is of the positive ones."""
    names = np.asarray(patients)
    if metric.positive is None:
        blocks = np.array_split(np.arange(len(names)), 1 + len(names) // 512)
        eye = (np.arange(len(names)) == block[:, None] for block in blocks)
        alone = np.concatenate([metric.value(answers, rows.astype(float)) for rows in eye])
    else:
        alone = metric.positive(answers)
    there = ~np.isnan(alone)
    if not there.any():
        there[:] = True
    return int(there.sum()), len(set(names[there].tolist()))


def estimate(
    metric: BagMetric, runs: Sequence[Answered], patients: Sequence[str], bootstrap: Bootstrap
) -> tuple[float, float, float]:
    """Value and interval of the mean over runs that answered for the same cases.

    Args:
        metric: What is asked.
        runs: At least one.
        patients: ``(n,)`` of the cases.
        bootstrap: How the interval is drawn.
    """
    value, drawn, alone = (
        np.mean([metric.value(answers, weights) for answers in runs], axis=0)
        for weights in (
            np.ones((1, len(patients))),
            case_weights(patients, bootstrap),
            each_alone(patients),
        )
    )
    kinds = None
    if metric.positive is not None:
        kind = metric.positive(runs[0])
        of = np.asarray(patients)
        kinds = (len(set(of[kind > 0.5].tolist())), len(set(of[kind < 0.5].tolist())))
    interval = bootstrap.interval(float(value[0]), drawn, alone, metric.span, kinds)
    return float(value[0]), *interval


def attention_notes(rows: Sequence[Row]) -> list[str]:
    """Where attention should not be taken for evidence, in words."""
    by_name = {row.metric: row.value for row in rows}
    own, attended = by_name.get("instance_auc"), by_name.get("instance_auc_attention")
    if own is None or attended is None or attended >= own - 0.02:
        return []
    return [
        f"attention is not evidence here: it ranks the positive instances with AUC {attended:.3f}, "
        f"what the model says of single instances with {own:.3f}"
    ]
