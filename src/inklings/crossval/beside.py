"""Two cross-validations of the same folds: which of them, or their mean, predicts best."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np

from inklings.crossval.choosing import choose
from inklings.crossval.folds import predictions_of
from inklings.errors import SpecError
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.files import read_yaml
from inklings.inference.ensemble import averaged
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import MEMBERS
from inklings.runs.members import CROSSVAL, RUNS, Chosen, members_of
from inklings.spec import Experiment, SegmentationExperiment

BOTH = "predictions-both"


def require_beside(experiment: Experiment, out: Path, other: Path) -> None:
    """Refuse another cross-validation that nothing can be chosen of, before folds are trained.

    Raises:
        SpecError: If it is this one, the task is no segmentation, or the folds are not the same.
        DataError: If it is none, or is not finished.
    """
    if not isinstance(experiment, SegmentationExperiment):
        raise SpecError(
            f"--beside: expected a segmentation, got task {experiment.task}; leave it out"
        )
    if other.resolve() == out.resolve():
        raise SpecError(f"--beside {other}: expected another cross-validation, got this one")
    members_of(other)  # says what is missing
    mine, theirs = (read_yaml(one / CROSSVAL, "a cross-validation") for one in (out, other))
    same = Path(mine["experiment"]["cohort"]).resolve()
    if mine["plan"] != theirs["plan"] or Path(theirs["experiment"]["cohort"]).resolve() != same:
        raise SpecError(
            f"--beside {other}: expected the same cohort and folds (--folds, --repeats, --seed, "
            "--val), got others; cross-validate it again with those of this one"
        )


def choose_beside(experiment: SegmentationExperiment, out: Path, other: Path) -> Chosen:
    """The best of {this, the other, the mean of both} by Dice of out-of-fold predictions.

    As nnU-Net chooses between networks of two and of three dimensions and their ensemble (Isensee
    et al., 2021). The mean of both is left in ``predictions-both``; of equals the first is taken.

    Args:
        experiment: Of this one.
        out: Its folder, with the predictions of all folds.
        other: Of the other, finished, as `require_beside` asks.

    Raises:
        SpecError: If the classes or the cases are not the same, or there are slides.
    """
    folders = {"this": predictions_of(out), "the other": predictions_of(other)}
    folders["both"] = _mean(folders["this"], folders["the other"], out / BOTH)
    found = {name: _dice(folder, experiment.cohort) for name, folder in folders.items()}
    best = max(found, key=lambda name: found[name])
    chosen = choose(experiment, folders[best])
    assert chosen is not None  # there are no slides
    homes = {"this": (out,), "the other": (other,), "both": (out, other)}[best]
    told = ", ".join(f"{name} {value:.4f}" for name, value in found.items())
    return dataclasses.replace(
        chosen,
        reasons={**chosen.reasons, RUNS: f"{best}: out-of-fold Dice of {told}"},
        homes=tuple(Path(os.path.relpath(home, out)).as_posix() for home in homes),
    )


def _mean(first: Path, second: Path, out: Path) -> Path:
    """The mean of two folders of predictions, case by case."""
    mine, theirs = PredictionFolder.open(first), PredictionFolder.open(second)
    kinds = [(one.cases, one.head.classes, one.head.settings.get("core")) for one in (mine, theirs)]
    if kinds[0] != kinds[1] or mine.slides or theirs.slides:
        raise SpecError(
            f"--beside: expected pictures or volumes of the same cases and classes, both with a "
            f"core of objects or both without, in {first} and {second}, got slides or others"
        )
    shutil.rmtree(out, ignore_errors=True)
    cuts = np.mean([mine.head.thresholds, theirs.head.thresholds], axis=0).tolist()
    settings = {**mine.head.settings, MEMBERS: [str(first), str(second)]}
    dataclasses.replace(mine.head, thresholds=tuple(cuts), settings=settings).write(out)
    for case in mine.cases:
        one, other = (DensePrediction.read(folder, case) for folder in (first, second))
        mean, spread = averaged((one.dense, other.dense))
        dataclasses.replace(one, dense=mean, spread=spread, instances=None).write(out)
    return out


def _dice(predictions: Path, cohort: Path) -> float:
    scores = evaluate(predictions, cohort, Settings(split="all", metrics=("dice",)))
    return float(np.nanmean([row.value for row in scores]))
