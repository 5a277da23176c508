"""Predict many cases with any run into a folder that can be interrupted and completed.

A case is the unit. What belongs to it is written whole or not at all, so what is there is finished
and is skipped; a case that cannot be read is set aside in ``failed.json`` with the reason and tried
again next time, and the others go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Unpack

from inklings.cohorts.bags import is_bag
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.inference.dense import predict_array
from inklings.inference.items import patients_of
from inklings.inference.pictures import find_objects
from inklings.inference.predictor import Options, Predictor
from inklings.parallel import Summary
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.guarantee import of_head
from inklings.predictions.shift import shift
from inklings.progress import note
from inklings.readers.bag_files import is_bag_file
from inklings.runs.bundle import is_bundle, opened
from inklings.runs.members import DETECTOR, members_of
from inklings.runs.run import Run
from inklings.spec.before import load_experiment

__all__ = ["find_objects", "predict", "predict_array"]


def predict(
    run: Path,
    inputs: Sequence[Path],
    out: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    **options: Unpack[Options],
) -> Summary:
    """Predict every case of ``inputs`` into ``out``.

    Args:
        run: Folder made by `inklings train` or a bundle of it, or one that holds the runs of a
            cascade; or several whose probabilities are averaged: a cross-validation, or a folder
            of runs.
        inputs: Cohorts, folders of images, or files.
        out: New folder, or one that this call, interrupted, has begun.
        workers: Processes that share the cases; None, 0 or 1 for this one, whose network keeps
            all cores busy.
        scheduler: Address of a Dask scheduler whose workers shall do it.
        options: See `Options`.

    Raises:
        SpecError: If an option does not apply to this kind of run; nothing was opened then.
        InklingsError: If the run or an input is unusable, or ``out`` holds other predictions.
            A single unreadable case raises nothing; it is in the summary.
    """
    bundles = [one for one in (run, *(options.get("also") or ())) if is_bundle(one)]
    if scheduler is not None and bundles:
        raise SpecError(
            f"--scheduler: expected a folder that all workers see, got the bundle {bundles[0]}; "
            "unzip it into one, and give that"
        )
    summary = predictor(run, inputs, options).into(out, workers, scheduler)
    _warn_of_shift(PredictionFolder.open(out), inputs)
    return summary


def _warn_of_shift(there: PredictionFolder, inputs: Sequence[Path]) -> None:
    """Say where promises are void, or where nobody can tell, of the patients predicted."""
    if not of_head(there.head):
        return
    for line in shift(there, patients_of(there.cases, inputs)):
        note(f"warning: {line}")


def predictor(run: Path, inputs: Sequence[Path], options: Options) -> Predictor:
    """What predicts these inputs by this run; errors as of `predict`."""
    run = opened(run)
    if also := options.get("also"):
        options = {**options, "also": [opened(one) for one in also]}
    kind = predictor_of(run)
    if kind.of_pictures and not any(map(_holds_bags, inputs)):
        kind = _class(kind.of_pictures)
    _require_meant(kind, run, options)
    return kind(run, inputs, options)


def predictor_of(run: Path) -> type[Predictor]:
    """What predicts runs of this kind.

    Raises:
        DataError: If the folder holds no run, or one that predicts nothing by itself.
    """
    run = opened(run)
    if not run.is_dir():
        raise DataError(
            f"expected a run folder made by 'inklings train' at {run}, got no such folder"
        )
    experiment = load_experiment(first_of(run))
    if not experiment.predictor:
        raise DataError(
            f"{run}: a run of task {experiment.task} cannot predict alone; put it next to the "
            f"run '{DETECTOR}' in one folder, and predict with that folder"
        )
    return _class(experiment.predictor)


def single(run: Path, what: str) -> Run:
    """The one run of a folder or a bundle.

    Raises:
        SpecError: If the folder holds several; ``what`` says what holds one only.
        DataError: As `predictor_of`, or if it is damaged.
    """
    predictor_of(run)  # says what is missing
    folder = opened(run)
    if members_of(folder) != (folder,) or (folder / DETECTOR).is_dir():
        raise SpecError(
            f"{run} holds several runs, and {what} holds one: take each, such as {first_of(folder)}"
        )
    return Run.load(folder)


def first_of(run: Path) -> Path:
    """The run that says what a folder predicts: the detector of a cascade, the first of several."""
    return run / DETECTOR if (run / DETECTOR).is_dir() else members_of(run)[0]


def _class(place: str) -> type[Predictor]:
    module, name = place.split(":")
    found: type[Predictor] = vars(import_module(module))[name]
    return found


def _holds_bags(path: Path) -> bool:
    """Whether an input is a cohort of bags, or a file of instances; what is neither is a picture.

    What is not there is no picture either: who predicts bags says so.
    """
    if (path / "cohort.yaml").is_file():
        return any(map(is_bag, Cohort.read(path)))
    return is_bag_file(path) or not path.exists()


def _require_meant(kind: type[Predictor], run: Path, options: Options) -> None:
    first = members_of(run)[0]
    what, allowed = kind.allowed(first)
    if first != run and "also" not in allowed:
        raise SpecError(
            f"{run} holds several runs, of which each is {what}: these are not averaged; give one, "
            f"such as {first}"
        )
    for name, value in options.items():
        if value is not None and name not in allowed:
            listed = [one for one in allowed if one != "threshold_by"]
            known = ", ".join(f"--{one.replace('_', '-')}" for one in listed)
            said = "threshold prior" if name == "threshold_by" else name.replace("_", "-")
            raise SpecError(
                f"--{said}: does not apply to {what} ({run}), which takes "
                f"{known}, --workers, --scheduler; leave it out"
            )
