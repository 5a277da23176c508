"""Everything a report of a run is made from, found from the run folder on."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.learnt_from import learnt_from
from inklings.errors import DataError, InklingsError
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.scores import Scores
from inklings.evaluation.truth import truth
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head
from inklings.predictions.outputs import remembered
from inklings.records import as_record, read_numbers, read_record

_AGAIN = "copy the run again, or train again"


@dataclass(frozen=True)
class Material:
    """What is there; None or empty where it is not, and then ``gaps`` says why.

    Attributes:
        run: The run folder.
        record: ``run.json``.
        model: ``model.json``.
        experiment: ``experiment.yaml``, as text and parsed.
        history: Columns of ``metrics.csv``, NaN where a row has no value.
        correction: ``correction.json``: what was done to the labels before training.
        teacher: ``teacher.json``: what trees and a teacher kept of labels that are too wide.
        cohort_folder: Where the labels that were learnt from are.
        cohort: That cohort.
        standard: The reference standard that predictions were scored by: cases with true labels.
        label_quality: Rows of ``label_quality.csv``, by case.
        predictions: Folder of the predictions that are shown.
        head: Of the predictions.
        table: Their evaluation.
        gaps: A sentence for each thing that is missing.
    """

    run: Path
    record: Mapping[str, Any]
    model: Mapping[str, Any]
    experiment: Mapping[str, Any]
    experiment_text: str
    history: Mapping[str, NDArray[np.float64]]
    correction: Mapping[str, Any]
    teacher: Mapping[str, Any]
    cohort_folder: Path
    cohort: Cohort | None
    standard: Cohort | None
    label_quality: Mapping[str, Mapping[str, str]]
    predictions: Path | None
    head: Head | None
    table: Scores | None
    gaps: tuple[str, ...]


def gather(run: Path, predictions: Path | None = None, scored: bool = True) -> Material:
    """Find what belongs to ``run``; what is missing is no error, unless it is the run itself.

    Args:
        run: Folder made by ``inklings train``.
        predictions: Which predictions to show; by default the latest that the run remembers.
        scored: Whether predictions are shown, and evaluated now where that has not been done.

    Raises:
        DataError: If ``run`` is no run folder, or ``predictions`` none of predictions.
    """
    if predictions is not None and not (predictions / "predictions.yaml").is_file():
        raise DataError(
            f"expected predictions made by 'inklings predict' in {predictions}, got no "
            "predictions.yaml in it"
        )
    if not (run / "experiment.yaml").is_file():
        raise DataError(
            f"expected a run folder made by 'inklings train' at {run}, got no experiment.yaml in it"
        )
    experiment = _experiment(run)
    folder = Path(experiment["cohort"])
    gaps: list[str] = []
    cohort = standard = None
    try:
        folder = cohort_of(run)
        cohort, standard = Cohort.read(folder), truth(folder)
    except InklingsError as error:
        gaps.append(f"The cohort cannot be shown: {error}.")
    shown = (predictions or latest(run)) if scored else None
    head, table = _evaluation(shown, folder, gaps) if shown else (None, None)
    scored_by = Path(table.head.get("cohort_folder", folder)) if table else folder
    if scored_by.is_dir() and scored_by.resolve() != folder.resolve():
        try:
            standard = truth(scored_by)
        except InklingsError as error:
            gaps.append(f"The reference of the scores cannot be shown: {error}.")
    if scored and shown is None:
        gaps.append(
            "There are no predictions of this run yet: 'inklings predict' makes them, and then "
            "this report shows how good they are."
        )
    return Material(
        run=run,
        record=_record(run / "run.json"),
        model=_record(run / "model.json"),
        experiment=experiment,
        experiment_text=(run / "experiment.yaml").read_text(encoding="utf-8"),
        history=_columns(run / "metrics.csv"),
        correction=_record(run / "correction.json"),
        teacher=_record(run / "teacher.json"),
        cohort_folder=folder,
        cohort=cohort,
        standard=standard,
        label_quality=_by_case(folder / "label_quality.csv"),
        predictions=shown,
        head=head,
        table=table,
        gaps=tuple(gaps),
    )


def cohort_of(run: Path) -> Path:
    """Folder of the cohort that a run learnt from; it may be gone by now.

    It is looked for from the run, as the experiment says it, then beside the run if that was
    moved, then from the working folder, as runs of 0.1 said it.

    Raises:
        DataError: If only other cohorts are found there.
    """
    path = Path(_experiment(run)["cohort"])
    own = (run / path, run.parent / path, run.parent / path.name)
    said = {**_record(run / "begun.json"), **_record(run / "run.json")}
    patients = [str(patient) for patient in said.get("trained_on") or ()]
    others = (path, Path(path.name))
    return learnt_from(own, others, said.get("split_hash"), patients, f"run {run}") or path


def latest(run: Path) -> Path | None:
    """The predictions that a run remembers having made last; None where they are gone.

    Those of cases of its cohort go before those of other images.
    """
    there = [folder for folder in remembered(run) if (folder / "predictions.yaml").is_file()]
    try:
        known = {case.id for case in Cohort.read(cohort_of(run))}
    except InklingsError:
        known = set()
    own = [folder for folder in there if known & set(PredictionFolder.open(folder).cases)]
    return next(reversed(own or there), None)


def _evaluation(
    predictions: Path, cohort: Path, gaps: list[str]
) -> tuple[Head | None, Scores | None]:
    """The evaluation beside the predictions; made now, and written, where there is none."""
    try:
        there = PredictionFolder.open(predictions)
        if is_current(there):
            return there.head, Scores.read(predictions)
        table = evaluate(predictions, cohort)
        table.write(predictions)
        return there.head, table
    except InklingsError as error:
        gaps.append(f"The predictions in {predictions.name} are not evaluated: {error}.")
        return None, None


def is_current(there: PredictionFolder) -> bool:
    """Whether there is an evaluation, and no case was predicted since."""
    path = there.path / "evaluation.json"
    return path.is_file() and there.changed <= path.stat().st_mtime


def _record(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    record = read_record(dict[str, Any], path, "a record of the run", _AGAIN)
    if path.name == "run.json":
        as_record(_Told, record, path, _AGAIN)
    return record


@dataclass(frozen=True)
class _Told:
    """What a report tells of ``run.json``, whose record belongs to what learns."""

    thresholds: list[float]
    seconds: float = 0.0
    trained_on: list[str] = field(default_factory=list)
    versions: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def _experiment(run: Path) -> dict[str, Any]:
    path = run / "experiment.yaml"
    experiment = read_record(dict[str, Any], path, "an experiment file", _AGAIN)
    if not isinstance(experiment.get("cohort"), str):
        raise DataError(f"{path} is damaged (it names no cohort); {_AGAIN}")
    return experiment


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _by_case(path: Path) -> Mapping[str, Mapping[str, str]]:
    return {row["case"]: row for row in _rows(path)}


def _columns(path: Path) -> Mapping[str, NDArray[np.float64]]:
    rows = read_numbers(path, "the history of a training", "delete it") if path.is_file() else []
    columns = {
        name: np.array([row.get(name, np.nan) for row in rows])
        for name in dict.fromkeys(name for row in rows for name in row)
    }
    return {name: values for name, values in columns.items() if np.isfinite(values).any()}
