"""One run, or several whose probabilities are averaged; how far these differ is kept beside.

Probabilities are averaged before anything is cut, as nnU-Net does with the runs of its folds
(Isensee et al., 2021); the standard deviation over runs is the uncertainty of deep ensembles
(Lakshminarayanan et al., 2017).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.cache import digest
from inklings.errors import SpecError
from inklings.inference.dense import largest_of, settings_of, thresholds_of
from inklings.predictions.head import Provenance
from inklings.runs.bundle import source_of
from inklings.runs.members import Chosen, members_of
from inklings.runs.run import Run
from inklings.spec import Inference

MOST = 256
"""Runs: sums of so many quantised probabilities fit 16 bits."""

Levels = NDArray[np.uint8]
"""Quantised numbers ``(K, *S)``, 255 is one."""


@dataclass(frozen=True)
class Ensemble:
    """How images are predicted: by which runs, and how their mean is cut.

    Attributes:
        folders: Of the runs; a single one is not averaged.
        settings: Window, overlap and mirroring of each; objects are separated as the first says.
        thresholds: Of the mean, one a class.
        largest: Classes of which the largest component of the mean of a volume is kept.
    """

    folders: tuple[Path, ...]
    settings: tuple[Inference, ...]
    thresholds: tuple[float, ...]
    largest: tuple[str, ...] = ()


def read_ensemble(
    folder: Path, also: Sequence[Path], given: dict[str, Any]
) -> tuple[Ensemble, tuple[Run, ...]]:
    """The runs that are meant, and how they predict.

    Thresholds are those that were given; of a cross-validation those that its out-of-fold
    predictions chose; else the mean of those of the runs. A component that counts alone is that
    which was given, or chosen so, or what more than half of the runs keep.

    Args:
        folder: A run, a cross-validation, or a folder of runs.
        also: More of them.
        given: Of `inklings.spec.Inference`, instead of what the experiments say.

    Raises:
        SpecError: If a setting is impossible, a run is given twice, or they cannot be averaged.
        DataError: If one is none, or is not finished.
    """
    folders = tuple(run for one in (folder, *also) for run in members_of(one))
    places = [one.resolve() for one in folders]
    if twice := [one for k, one in enumerate(folders) if places[k] in places[:k]]:
        raise SpecError(f"expected different runs to average, got {twice[0]} twice; leave one out")
    if len(folders) > MOST:
        raise SpecError(f"expected at most {MOST} runs to average, got {len(folders)}")
    runs = tuple(Run.load(one).folded() for one in folders)
    require_alike(runs)
    settings = tuple(changed(settings_of(run), given) for run in runs)
    pairs = list(zip(runs, settings, strict=True))
    cuts = [thresholds_of(run, own) for run, own in pairs]
    kept = [largest_of(run, own) for run, own in pairs]
    if len(runs) == 1:
        return Ensemble(folders, settings, cuts[0], kept[0]), runs
    chosen = None if also else Chosen.of(folder)
    largest = tuple(
        name for name in runs[0].classes if 2 * sum(name in one for one in kept) > len(runs)
    )
    thresholds = tuple(np.mean(cuts, axis=0).tolist())
    if chosen is not None and "threshold" not in given:
        thresholds = chosen.thresholds
    if chosen is not None and "components" not in given:
        largest = chosen.largest
    # What each run says is averaged whole, and the mean cut into components.
    whole = tuple(own.model_copy(update={"components": "all"}) for own in settings)
    return Ensemble(folders, whole, thresholds, largest), runs


def require_alike(runs: Sequence[Run]) -> None:
    """Raise SpecError where the probabilities of runs are not of the same things."""
    first = runs[0]
    for run in runs[1:]:
        for what, mine, theirs in zip(
            ("the task", "classes", "images", "inputs", "a core of objects", "a grid of slides"),
            _kind(first),
            _kind(run),
            strict=True,
        ):
            if mine != theirs:
                raise SpecError(
                    f"expected runs that can be averaged, of one kind; {what}: {mine} of "
                    f"{first.folder}, {theirs} of {run.folder}; predict them into two folders"
                )


def _kind(run: Run) -> tuple[object, ...]:
    """What has to be the same of runs that are averaged."""
    learnt = run.model_config
    kind = "pictures" if learnt.volumes is None else "volumes"
    grid = (learnt.spacing_um, learnt.factor)
    return run.task, list(run.classes), kind, list(learnt.inputs), learnt.core, grid


def changed(settings: Inference, given: dict[str, Any]) -> Inference:
    """Settings with others in their place; SpecError if these are impossible."""
    try:
        return Inference.model_validate({**settings.model_dump(), **given})
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise SpecError(f"expected sound settings of prediction, got {given}: {reason}") from None


def provenance_of(folder: Path, also: Sequence[Path], runs: Sequence[Run]) -> Provenance:
    """Enough to make the predictions again."""
    if len(runs) == 1:
        return runs[0].provenance
    own = [run.provenance for run in runs]
    splits = {one.split_hash for one in own}
    return Provenance(
        ", ".join(str(source_of(one)) for one in (folder, *also)),
        digest([one.weights_sha256 for one in own]),
        splits.pop() if len(splits) == 1 else None,
        own[0].version,
    )


def averaged(parts: Iterable[Levels]) -> tuple[Levels, Levels]:
    """Mean and standard deviation over runs, both ``(K, *S)`` with 255 for one.

    Sums are whole numbers, so equal parts have a spread of exactly 0. One part is held at a time,
    beside six bytes a sample.

    Args:
        parts: What each run says, ``(K, *S)``; at most `MOST`.
    """
    count = 0
    total: NDArray[np.uint16] | None = None
    squares: NDArray[np.uint32] | None = None
    for part in parts:
        if total is None or squares is None:
            total, squares = np.zeros(part.shape, np.uint16), np.zeros(part.shape, np.uint32)
        for place in np.ndindex(*part.shape[:2]):
            total[place] += part[place]
            squares[place] += np.square(part[place], dtype=np.uint32)
        count += 1
    assert total is not None  # there is at least one run
    assert squares is not None
    mean, spread = np.empty(total.shape, np.uint8), np.empty(total.shape, np.uint8)
    for place in np.ndindex(*total.shape[:2]):
        middle = total[place] / count
        mean[place] = np.rint(middle)
        apart = np.maximum(squares[place] / count - middle**2, 0)
        spread[place] = np.rint(np.sqrt(apart))
    return mean, spread
