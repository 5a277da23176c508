"""What becomes of predictions: scores, files for other programs, a look at them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.evaluation.evaluate import evaluate as evaluate_folder
from inklings.evaluation.family import Part, Settings
from inklings.evaluation.scores import Scores
from inklings.exports.export import export as export_folder
from inklings.library.cohorts import folder_of
from inklings.library.prediction import Prediction, Predictions
from inklings.runs.run import Run
from inklings.viewer.serve import view as show

Predicted = Predictions | Prediction | str | Path
"""Predictions, or the folder that they lie in."""


def evaluate(
    predictions: Predicted,
    cohort: Cohort | str | Path,
    *,
    split: Part = "test",
    metrics: Sequence[str] | None = None,
    against: Predicted | None = None,
    dense: Cohort | str | Path | None = None,
    allow_seen: bool = False,
    workers: int = 0,
) -> Scores:
    """Score predictions against the reference standard, with 95 % intervals over patients.

    The reference standard is the cohort, and the truth behind it where its labels were made
    weaker. Patients that the run was trained on are refused.

    Args:
        predictions: Of cases of the cohort.
        cohort: What was predicted.
        split: ``"train"``, ``"val"``, ``"test"`` or ``"all"``; a cohort without parts is scored as
            a whole.
        metrics: Names; None for all.
        against: Other predictions of the same cases: a paired comparison.
        dense: The same cases with whole references, scored beside a partial ``cohort``.
        allow_seen: Score also patients that the run was trained on.
        workers: Processes; 0 for this one. Others need ``if __name__ == "__main__"`` in a script.

    Returns:
        The scores: ``scores["dice"].value``, ``.low``, ``.high``; `Scores.text`, `Scores.write`.

    Raises:
        InklingsError: If patients are scored that the run was trained on, a metric is unknown, or
            cases, classes, shapes or labels do not fit together.
    """
    settings = Settings(
        split=split, metrics=tuple(metrics) if metrics else None, allow_seen=allow_seen,
        workers=workers,
    )  # fmt: skip
    other = None if against is None else _folder(against)
    beside = None if dense is None else folder_of(dense)
    return evaluate_folder(_folder(predictions), folder_of(cohort), settings, other, beside)


def export(
    predictions: Predicted,
    to: str,
    *,
    out: str | Path | None = None,
    cohort: Cohort | str | Path | None = None,
    **options: Any,
) -> Path:
    """Write predictions for viewers, archives of images and other programs.

    Args:
        predictions: What to write.
        to: ``dicom-seg``, ``rtstruct``, ``nifti``, ``nrrd``, ``mha`` of volumes; ``png``, ``rle``,
            ``kaggle``, ``geojson`` of pictures; ``npz``, ``montage`` of both; ``csv``, ``json``,
            ``parquet`` of bags; ``dicom-sr`` of findings.
        out: Folder to write; by default ``exports/<to>`` in that of the predictions.
        cohort: Only its cases, with its images.
        options: Of the format (``origin`` of ``geojson``).

    Returns:
        What was written.

    Raises:
        InklingsError: If the format is not one for what was predicted, or an image is gone.
    """
    one = (predictions.case,) if isinstance(predictions, Prediction) else None
    return export_folder(
        _folder(predictions),
        to,
        None if out is None else Path(out),
        None if cohort is None else folder_of(cohort),
        cases=predictions.cases if isinstance(predictions, Predictions) else one,
        options=options,
    ).path


def view(
    *shown: Cohort | Run | Predicted,
    corrections: str | Path | None = None,
    read_only: bool = False,
    port: int = 0,
    browser: bool = True,
) -> None:
    """Look at images, labels and predictions in a browser, and correct them, until Ctrl-C.

    Args:
        shown: A cohort or a run, perhaps with one or two predictions to lay over it; or
            predictions or image files alone.
        corrections: Where corrections go; by default a folder beside what is shown.
        read_only: Save nothing.
        port: 0 takes a free one; only this machine is answered.
        browser: Open the browser.

    Raises:
        InklingsError: If there is nothing to look at, or the page was not built.
    """
    if not shown:
        raise SpecError("expected something to look at: a cohort, a run, predictions or images")
    show(
        [_path(one) for one in shown],
        corrections=None if corrections is None else Path(corrections),
        read_only=read_only,
        port=port,
        browser=browser,
    )


def _path(shown: Cohort | Run | Predicted) -> Path:
    if isinstance(shown, Cohort):
        return folder_of(shown)
    if isinstance(shown, Run):
        if shown.folder is None:
            raise SpecError("expected a run on disk, got one in memory")
        return shown.folder
    return _folder(shown)


def _folder(predictions: Predicted) -> Path:
    if isinstance(predictions, Prediction | Predictions):
        return predictions.folder
    return Path(predictions)
