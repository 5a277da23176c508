"""Score a folder of predictions against the reference standard of a cohort."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import ndimage

from inklings.cohorts.case import Case
from inklings.cohorts.opening import image_of_file, labelled_image, open_case
from inklings.cohorts.rasterise import annotate
from inklings.errors import GeometryError, LabelError
from inklings.evaluation.intervals import BOOTSTRAP, Bootstrap
from inklings.evaluation.metric import DEFAULT, Options
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.evaluation.scoring import Measured, choose, differences, measure, tabulate
from inklings.evaluation.selection import (
    Part,
    Selection,
    common,
    facts_of,
    require_same_classes,
    select,
)
from inklings.evaluation.table import Table
from inklings.geometry import Geometry
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head
from inklings.progress import track

FEW = 60_000_000
"""Below this many samples a pool of processes costs more than it saves (1 s a process)."""


@dataclass(frozen=True)
class Settings:
    """How a folder is scored.

    Attributes:
        split: Which part of the cohort; a cohort without splits is scored as a whole.
        metrics: Names; None for all.
        allow_seen: Score also patients that the run learnt from.
        options: Policy for empty masks, tolerance of the boundary Dice (the unit is found).
        bootstrap: How the intervals are drawn.
        workers: Processes at most; little work stays in this one.
        scheduler: Address of a Dask scheduler whose workers score slides.
    """

    split: Part = "test"
    metrics: tuple[str, ...] | None = None
    allow_seen: bool = False
    options: Options = DEFAULT
    bootstrap: Bootstrap = BOOTSTRAP
    workers: int = 1
    scheduler: str | None = None


def evaluate(
    predictions: Path,
    cohort: Path,
    settings: Settings | None = None,
    against: Path | None = None,
) -> Table:
    """Score predictions against the reference standard, with intervals over patients.

    The reference standard is the truth attached to a weakened cohort, and the cohort itself
    otherwise. Thresholds are those of the run: nothing is chosen here. Nothing is written;
    see `Table.write`.

    Args:
        predictions: Folder written by ``inklings predict``.
        cohort: Folder of the cohort that was predicted.
        settings: What to score and how; by default the test part, with every metric.
        against: Another folder of predictions, for a paired comparison on the same cases.

    Raises:
        SpecError: If patients are scored that the run learnt from, or a metric is unknown.
        DataError: If cases, classes, shapes or labels do not fit together.
    """
    settings = settings or Settings()
    head = Head.read(predictions)
    chosen_cases = select(predictions, cohort, head, settings)
    other = Head.read(against) if against else None
    if against and other:
        theirs = select(against, cohort, other, settings)
        chosen_cases = common(chosen_cases, theirs)
        require_same_classes(head, other)
    grids = _grids(chosen_cases.cases)
    if sum(math.prod(grid.shape) for grid in grids) < FEW:
        settings = replace(settings, workers=1)
    options = replace(settings.options, unit=_unit(grids))
    chosen = choose(settings.metrics, head.classes, options)
    measured = _measured(predictions, head, chosen_cases, settings, options)
    table = tabulate(
        measured, chosen, options, settings.bootstrap, facts_of(predictions, head, chosen_cases)
    )
    if against and other:
        theirs_measured = _measured(against, other, chosen_cases, settings, options)
        changes = differences(measured, theirs_measured, chosen, settings.bootstrap)
        table = replace(
            table, changes=changes, head={**table.head, "against": other.provenance.run}
        )
    return table


def read_pair(folder: Path, head: Head, case: Case) -> Pair:
    """Prediction and reference standard of one case.

    A prediction without instances gets connected components, and so is comparable.

    Raises:
        DataError: If the prediction is damaged, or does not lie on the grid of the image.
        LabelError: If the labels of the case do not say where background is.
    """
    prediction = DensePrediction.read(folder, case.id)
    name = image_of_file(case, prediction.image)
    with open_case(case, name) as image:
        geometry = image.geometry
    if prediction.dense.shape[1:] != geometry.shape:
        raise GeometryError(
            f"case {case.id}: predicted on a grid of {prediction.dense.shape[1:]}, but "
            f"{case.images[name].name} has {geometry.shape}; predict this cohort again"
        )
    said = annotate(case, labelled_image(case), geometry, head.classes)
    if not said.known.all() and not (said.known & (said.category == 0)).any():
        raise LabelError(
            f"case {case.id}: expected a reference standard, got labels that never say where "
            "nothing is; evaluate against the cohort with complete labels"
        )
    mask = np.stack([prediction.mask(head, k) for k in range(len(head.classes))])
    codes = np.arange(1, len(head.classes) + 1).reshape(-1, *(1,) * said.category.ndim)
    objects = np.where(said.category == 1, said.objects, 0)
    instances = prediction.instances
    return Pair(
        patient=case.patient,
        case=case.id,
        predicted=Segmentation(
            mask,
            ndimage.label(mask[0])[0] if instances is None else instances,
            prediction.dense[: len(head.classes)],
        ),
        reference=Segmentation(said.category == codes, objects if said.separated else None),
        known=None if said.known.all() else said.known,
        spacing=geometry.spacing,
        axes=geometry.axes if geometry.leans else None,
    )


def _grids(cases: Iterable[Case]) -> list[Geometry]:
    grids = []
    for case in cases:
        with open_case(case) as image:
            grids.append(image.geometry)
    return grids


def _unit(grids: Iterable[Geometry]) -> Literal["px", "mm"]:
    """Millimetres where every image says its spacing, samples otherwise."""
    return "px" if any(grid.spacing is None for grid in grids) else "mm"


def _measure(
    folder: Path, head: Head, case: Case, metrics: Sequence[str] | None, options: Options
) -> Measured:
    """Read and measure one case; by name, so that a worker process can be told."""
    return measure(read_pair(folder, head, case), choose(metrics, head.classes, options))


def _measured(
    folder: Path, head: Head, selection: Selection, settings: Settings, options: Options
) -> list[Measured]:
    cases = selection.cases
    if settings.workers < 2:
        return [
            _measure(folder, head, case, settings.metrics, options)
            for case in track(cases, "evaluate")
        ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(settings.workers, len(cases)), mp_context=context) as pool:
        jobs = pool.map(
            _measure,
            repeat(folder),
            repeat(head),
            cases,
            repeat(settings.metrics),
            repeat(options),
            chunksize=4,
        )
        return list(track(jobs, "evaluate", total=len(cases)))
