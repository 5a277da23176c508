"""Score predictions of bags: diagnoses with intervals over patients, and the instances found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from inklings.bags.task import Task, class_of, decide, presence
from inklings.cohorts.case import Case
from inklings.errors import LabelError, SpecError
from inklings.evaluation.bag_instances import instance_rows
from inklings.evaluation.bag_metrics import Answers, BagMetric, metrics_of
from inklings.evaluation.folders import Settings
from inklings.evaluation.instance_truth import instance_truth
from inklings.evaluation.intervals import Bootstrap
from inklings.evaluation.metric import Array
from inklings.evaluation.selection import Selection, common, facts_of, require_same_classes, select
from inklings.evaluation.table import Change, Row, Table
from inklings.predictions.bags import BagPrediction
from inklings.predictions.head import Head

_SWAPS = 500


def evaluate_bags(
    predictions: Path,
    cohort: Path,
    settings: Settings | None = None,
    against: Path | None = None,
) -> Table:
    """Score predictions of bags against the labels of a cohort; nothing is written.

    Thresholds are those of the run. Bags of one patient are drawn together.

    Args:
        predictions: Folder written by ``inklings predict``.
        cohort: Folder of the cohort that was predicted.
        settings: Part, metrics and intervals; by default the test part, with every metric.
        against: Another folder of predictions, for a paired comparison on the same cases.

    Raises:
        SpecError: If patients are scored that the run learnt from, or a metric is unknown.
        DataError: If cases, classes or labels do not fit together.
    """
    settings = settings or Settings()
    head = Head.read(predictions)
    chosen = select(predictions, cohort, head, settings)
    other = Head.read(against) if against else None
    if against and other:
        chosen = common(chosen, select(against, cohort, other, settings))
        require_same_classes(head, other)
    task = cast(Task, head.settings["task"])
    chosen = _labelled(chosen, head.classes)
    said = [BagPrediction.read(predictions, case.id) for case in chosen.cases]
    answers = _answers(said, chosen.cases, head, task)
    weights = case_weights([case.patient for case in chosen.cases], settings.bootstrap)
    asked = _asked(metrics_of(task, head.classes), settings.metrics)
    rows = [_row(metric, answers, weights, chosen, settings.bootstrap) for metric in asked]
    if settings.metrics is None:
        truths = instance_truth(cohort)
        rows += instance_rows(said, truths, head.classes, weights, settings.bootstrap)
    table = Table(
        tuple(rows),
        _cases(chosen.cases, answers),
        _facts(predictions, head, chosen, rows, settings.bootstrap.resamples),
    )
    if against and other:
        theirs = [BagPrediction.read(against, case.id) for case in chosen.cases]
        rival = _answers(theirs, chosen.cases, other, task)
        changes = tuple(_change(m, answers, rival, weights, chosen, settings) for m in asked)
        return replace(table, changes=changes, head={**table.head, "against": other.provenance.run})
    return table


def case_weights(patients: Sequence[str], bootstrap: Bootstrap) -> Array:
    """``(R, n)``: how often each case is drawn, patient by patient."""
    names, index = np.unique(np.asarray(patients), return_inverse=True)
    return bootstrap.weights(len(names))[:, index]


def _labelled(chosen: Selection, classes: tuple[str, ...]) -> Selection:
    cases = tuple(c for c in chosen.cases if not np.isnan(presence(c, classes)).all())
    if not cases:
        raise LabelError(f"none of the {len(chosen.cases)} cases has a label to be scored against")
    return replace(chosen, cases=cases)


def _answers(
    said: Sequence[BagPrediction], cases: Sequence[Case], head: Head, task: Task
) -> Answers:
    probability = np.stack([p.probability for p in said])
    decided = decide(task, probability, head.thresholds)
    if task in ("binary", "multilabel"):
        truth = np.stack([presence(case, head.classes) for case in cases])
    else:
        truth = np.array([float(class_of(case, head.classes)) for case in cases])
    return Answers(probability, decided, truth)


def _asked(metrics: tuple[BagMetric, ...], names: Sequence[str] | None) -> list[BagMetric]:
    known = list(dict.fromkeys(metric.name for metric in metrics))
    for name in names or ():
        if name not in known:
            raise SpecError(f"no metric of bags named {name!r}; known: {', '.join(known)}")
    return [metric for metric in metrics if names is None or metric.name in names]


def _row(
    metric: BagMetric, answers: Answers, weights: Array, chosen: Selection, bootstrap: Bootstrap
) -> Row:
    n = len(chosen.cases)
    value = float(metric.value(answers, np.ones((1, n)))[0])
    patients = len({case.patient for case in chosen.cases})
    low, high = (
        bootstrap.interval(metric.value(answers, weights)) if patients > 1 else (np.nan, np.nan)
    )
    return Row(
        metric.name, value, low, high, n, patients, "", metric.label, metric.title, metric.higher
    )


def _change(
    metric: BagMetric,
    mine: Answers,
    theirs: Answers,
    weights: Array,
    chosen: Selection,
    settings: Settings,
) -> Change:
    """Paired difference; the test swaps the two runs patient by patient (Noreen 1989)."""
    one = np.ones((1, len(chosen.cases)))
    first, second = (float(metric.value(a, one)[0]) for a in (mine, theirs))
    drawn = metric.value(mine, weights) - metric.value(theirs, weights)
    low, high = settings.bootstrap.interval(drawn)
    _, patient = np.unique([case.patient for case in chosen.cases], return_inverse=True)
    rng = np.random.default_rng([settings.bootstrap.seed, 1])
    extreme = 0
    for _ in range(_SWAPS):
        take = rng.integers(0, 2, int(patient.max()) + 1).astype(bool)[patient]
        swapped = metric.value(mine.some(theirs, take), one) - metric.value(
            theirs.some(mine, take), one
        )
        extreme += int(abs(swapped[0]) >= abs(first - second) - 1e-12)
    p = (1 + extreme) / (1 + _SWAPS)
    return Change(
        metric.name, metric.label, metric.title, first, second, first - second, low, high, p
    )


def _cases(cases: Sequence[Case], answers: Answers) -> tuple[dict[str, Any], ...]:
    lines = []
    for i, case in enumerate(cases):
        line: dict[str, Any] = {"case": case.id, "patient": case.patient}
        for k, p in enumerate(answers.probability[i]):
            line[f"p{k}"] = float(p)
        line["decided"] = _word(answers.decided[i])
        line["truth"] = _word(answers.truth[i])
        lines.append(line)
    return tuple(lines)


def _word(value: NDArray[Any]) -> Any:
    value = np.asarray(value)
    if value.ndim == 0:
        return int(value)
    return " ".join("?" if np.isnan(v) else str(int(v)) for v in value.astype(float))


def _facts(
    predictions: Path, head: Head, chosen: Selection, rows: Sequence[Row], resamples: int
) -> dict[str, Any]:
    facts = facts_of(predictions, head, chosen)
    patients = len({case.patient for case in chosen.cases})
    notes = [*facts["warnings"], *evidence_notes(head.settings, rows)]
    return {
        **facts,
        "resamples": resamples,
        "cases": len(chosen.cases),
        "patients": patients,
        "warnings": notes,
    }


def evidence_notes(settings: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    """Where the numbers of the instances should not be taken for evidence, in words."""
    by_name = {row.metric: row.value for row in rows}
    notes = [str(settings["warning"])] if settings.get("warning") else []
    own, attended = by_name.get("instance_auc"), by_name.get("instance_auc_attention")
    if own is not None and attended is not None and attended < own - 0.02:
        notes.append(
            f"attention is not evidence here: it ranks the positive instances with AUC "
            f"{attended:.3f}, what the model says of single instances with {own:.3f}"
        )
    return notes
