"""Score predicted slides: streamed on the grid of their maps, and slide by slide.

A slide does not fit into memory, so prediction and reference standard are read block by block and
only counts and histograms are kept; they add up, and from there on everything is as for pictures.
Whether a slide as a whole is positive is asked as well: of its largest probability, and of the
share of its tissue that a class takes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.cohorts.region import annotate_region
from inklings.errors import DataError, LabelError, SpecError
from inklings.evaluation import METRICS
from inklings.evaluation.calibration import histogram
from inklings.evaluation.folders import Settings, read_pair
from inklings.evaluation.metric import Options
from inklings.evaluation.overlap import counts
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.evaluation.scoring import (
    Chosen,
    Measured,
    choose,
    differences,
    measure,
    tabulate,
)
from inklings.evaluation.selection import (
    common,
    facts_of,
    require_same_classes,
    select,
)
from inklings.evaluation.slide_cases import measured_cases
from inklings.evaluation.slide_level import RANKED, Whole, ranks, slide_metrics, whole
from inklings.evaluation.table import Table
from inklings.geometry import Geometry, Region
from inklings.labels.kinds import BagLabel, CaseLabel, MaskLabel
from inklings.labels.mask_codes import all_codes
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head
from inklings.predictions.slides import SlidePrediction
from inklings.progress import note

_BLOCK = 2048
_STREAMED = ("overlap", "calibration")


def evaluate_slides(
    predictions: Path,
    cohort: Path,
    settings: Settings | None = None,
    against: Path | None = None,
) -> Table:
    """Score predictions of slides, or of slides and pictures; nothing is written.

    Args:
        predictions: Folder written by ``inklings predict``.
        cohort: Folder of the cohort that was predicted.
        settings: Part, metrics and intervals; by default the test part, with every metric that
            can be streamed.
        against: Another folder of predictions, for a paired comparison on the same cases.

    A case that cannot be read is left out, which the head of the table says (``failed``).

    Raises:
        SpecError: If patients are scored that the run learnt from, or a metric is unknown or
            needs a whole image.
        DataError: If cases, classes or labels do not fit together, or no case can be scored.
    """
    settings = settings or Settings()
    head = Head.read(predictions)
    selected = select(predictions, cohort, head, settings)
    other = Head.read(against) if against else None
    if against and other:
        selected = common(selected, select(against, cohort, other, settings))
        require_same_classes(head, other)
    options = replace(settings.options, unit="px")
    chosen = _chosen(settings.metrics, head.classes, options)
    ids = [case.id for case in selected.cases]
    found, failed = _measured(predictions, head, cohort, ids, settings, options)
    rivals: dict[str, Measured] = {}
    if against and other:
        rivals, more = _measured(against, other, cohort, ids, settings, options)
        failed |= more
    ids = [case for case in ids if case not in failed]
    if not ids:
        first = next(iter(failed.values()))
        raise DataError(f"none of the {len(failed)} cases can be scored: {first}")
    measured = [found[case] for case in ids]
    facts = {**facts_of(predictions, head, selected), "grid": "that of the heat maps"}
    facts |= _told(failed, facts["warnings"])
    table = tabulate(measured, chosen, options, settings.bootstrap, facts)
    ranked = tuple(ranks(measured, chosen, settings.bootstrap))
    table = replace(table, rows=(*table.rows, *ranked))
    if other:
        theirs = [rivals[case] for case in ids]
        changes = differences(measured, theirs, chosen, settings.bootstrap)
        facts = {**table.head, "against": other.provenance.run}
        table = replace(table, changes=changes, head=facts)
    return table


def _told(failed: dict[str, str], warnings: list[str]) -> dict[str, Any]:
    """Cases that could not be scored, in the head of the table."""
    if not failed:
        return {}
    for case, reason in failed.items():
        note(f"warning: case {case} is not scored: {reason}")
    many = "1 case" if len(failed) == 1 else f"{len(failed)} cases"
    line = f"{many} could not be scored ({', '.join(sorted(failed)[:3])})"
    return {"failed": failed, "warnings": [*warnings, line]}


def _chosen(names: Sequence[str] | None, classes: Sequence[str], options: Options) -> Chosen:
    """The metrics whose sums add up over the blocks of a slide, and those of whole slides."""
    streamed = [m.name for family in _STREAMED for m in METRICS.get(family)(options)]
    of_slides = [
        (metric, label)
        for channel, label in enumerate(classes)
        for metric in slide_metrics(replace(options, channel=channel))
        if names is None or metric.name in names
    ]
    own = {metric.name for metric in slide_metrics(options)}
    wanted = [n for n in streamed if names is None or n in names]
    for name in names or ():
        if name not in own | set(streamed):
            choose([name], classes, options)
            raise SpecError(
                f"{name} needs a whole image and is not measured on slides; "
                f"these are: {', '.join([*streamed, *sorted(own)])}"
            )
    found = choose(wanted, classes, options)
    return Chosen(
        (*found.metrics, *(metric for metric, _ in of_slides)),
        (*found.labels, *(label for _, label in of_slides)),
        tuple(classes),
    )


def _measured(
    folder: Path,
    head: Head,
    cohort: Path,
    cases: Sequence[str],
    settings: Settings,
    options: Options,
) -> tuple[dict[str, Measured], dict[str, str]]:
    little = _samples(folder, cases) < _FEW or min(settings.workers, len(cases)) < 2
    return measured_cases(
        partial(_measure, folder.resolve(), head, settings.metrics, options),
        cohort,
        cases,
        folder,
        workers=1 if little or settings.scheduler else settings.workers,
        scheduler=settings.scheduler,
    )


_FEW = 300_000_000


def _samples(folder: Path, cases: Sequence[str]) -> int:
    slides = PredictionFolder.open(folder).slides
    records = (SlidePrediction.read(folder, case) for case in cases if case in slides)
    return sum(record.map_shape[0] * record.map_shape[1] for record in records)


def _measure(
    folder: Path,
    head: Head,
    names: Sequence[str] | None,
    options: Options,
    case: Case,
) -> Measured:
    """One case; by name, so that a worker process can be told."""
    chosen = _chosen(names, head.classes, options)
    if case.id not in PredictionFolder.open(folder).slides:
        return measure(read_pair(folder, head, case), chosen)
    pair, judged = slide_pair(folder, head, case)
    found = replace(measure(pair, chosen), judged=judged)
    if not judged[1]:  # only what is true of the whole slide is known: nothing to overlap with
        sums = tuple(
            s if m.name.startswith(RANKED) else np.zeros_like(s)
            for m, s in zip(chosen.metrics, found.sums, strict=True)
        )
        found = replace(found, sums=sums)
    said = counts(pair)
    samples = tuple((int(tp + fp), int(tp + fn)) for tp, fp, fn, _ in said[:-1])
    return replace(found, samples=samples)


def slide_pair(folder: Path, head: Head, case: Case) -> tuple[Pair, tuple[int, int]]:
    """A pair without samples whose counts and histograms were summed over the slide.

    Returns:
        The pair, and the samples that the reference speaks of and all of them; ``(0, 0)`` where
        nothing was known of places.

    Raises:
        LabelError: If there is nothing to score against.
    """
    record = SlidePrediction.read(folder, case.id)
    channels = len(head.classes)
    table = np.zeros((channels + 1, 4))
    levels = np.zeros((channels, 512))
    said_nothing, judged = True, np.zeros(2, int)
    for block in _blocks(folder, record, head, case):
        table += counts(block)
        judged += block.judged
        levels += [histogram(block, channel=k) for k in range(channels)]
        reference, known = block.reference.mask, block.known
        background = ~reference.any(axis=0)
        said_nothing &= not (background if known is None else background & known).any()
    bags = {label.name: label.present for label in case.labels if isinstance(label, BagLabel)}
    located = _is_located(case) and not said_nothing
    if not located and not bags:
        raise LabelError(
            f"case {case.id}: expected a reference standard, got labels that never say where "
            "nothing is; evaluate against the cohort with complete labels"
        )
    nothing: NDArray[Any] = np.zeros((channels, 0, 0), np.uint8)
    pair = Pair(
        case.patient,
        case.id,
        Segmentation(nothing > 0, None, nothing),
        Segmentation(nothing > 0),
        spacing=record.geometry.spacing,
    )
    counts.put(table, pair)
    for k, name in enumerate(head.classes):
        true = table[k, 0] + table[k, 2]
        present = bags.get(name, bool(true > 0) or _is_shown(case, name) if located else None)
        histogram.put(levels[k], pair, channel=k)
        whole.put(Whole(record.areas[k].peak, record.areas[k].share, present), pair, k)
    return pair, (int(judged[0]), int(judged[1])) if located else (0, 0)


def _is_shown(case: Case, name: str) -> bool:
    """Whether a mask holds a class at all, which one of few samples has no sample of the maps."""
    return any(
        name in label.classes
        and {code for code, one in enumerate(label.classes, 1) if one == name}
        & all_codes(label.path)
        for label in case.labels
        if isinstance(label, MaskLabel) and label.kind == "classes"
    )


def _is_located(case: Case) -> bool:
    return any(not isinstance(label, CaseLabel) for label in case.labels)


def _blocks(folder: Path, record: SlidePrediction, head: Head, case: Case) -> Iterator[Pair]:
    """The slide in squares, each a pair of its own; nothing where only bags are labelled."""
    if not _is_located(case):
        return
    name = next(iter(case.images))
    grid = _whole_samples(record)
    levels = np.array(head.thresholds, np.float32)[:, None, None] * 255
    codes = np.arange(1, len(head.classes) + 1)[:, None, None]
    corners = itertools.product(*(range(0, n, _BLOCK) for n in grid.shape))
    with record.heatmap(folder) as heatmap:
        for y, x in corners:
            size = (min(_BLOCK, grid.shape[0] - y), min(_BLOCK, grid.shape[1] - x))
            region = Region((y, x), size)
            heat = heatmap.read(region)
            said = annotate_region(case, name, grid, region, head.classes)
            yield Pair(
                case.patient,
                case.id,
                Segmentation(heat >= levels, None, heat),
                Segmentation(said.category == codes),
                known=None if said.known.all() else said.known,
            )


def _whole_samples(record: SlidePrediction) -> Geometry:
    """The grid of the maps, without a last sample that lies mostly beyond the slide."""
    shape = tuple(
        max(1, min(m, round(n / f)))
        for n, f, m in zip(record.shape, record.factor, record.map_shape, strict=True)
    )
    return replace(record.geometry, shape=shape)
