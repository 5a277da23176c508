"""Score dense predictions: pictures and volumes whole, slides streamed on the grid of their maps.

A slide does not fit into memory, so prediction and reference standard are read block by block and
only counts and histograms are kept (`slides`); they add up, and from there on everything is as for
pictures. Whether a slide as a whole is positive is asked as well.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from inklings.cohorts.case import Case
from inklings.cohorts.opening import open_case
from inklings.errors import DataError, SpecError
from inklings.evaluation import METRICS
from inklings.evaluation.beside import beside, joined
from inklings.evaluation.family import Family, Job, ScoredSource, Selection
from inklings.evaluation.metric import Options
from inklings.evaluation.overlap import counts
from inklings.evaluation.pictures import read_pair
from inklings.evaluation.results import Results
from inklings.evaluation.scores import Row
from inklings.evaluation.scoring import (
    Chosen,
    Measured,
    choose,
    differences,
    measure,
    require_rows,
    tabulate,
)
from inklings.evaluation.selection import select
from inklings.evaluation.slide_level import RANKED, ranks, slide_metrics
from inklings.evaluation.slides import slide_pair
from inklings.geometry import Geometry
from inklings.machine import cores
from inklings.parallel import map_cases
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head
from inklings.predictions.slides import SlidePrediction

_FEW, _FEW_STREAMED = 60_000_000, 300_000_000
"""Below so many pixels or voxels processes cost more than they save (1 s each)."""
_MOST_WORKERS = 8
_STREAMED = ("overlap", "calibration", "annotated")


@dataclass(frozen=True)
class DenseScoring:
    """Dense predictions of chosen cases, and how they are measured.

    Attributes:
        job: What is scored.
        selection: Which cases.
        chosen: Metrics.
        options: With the unit of distances.
        streamed: Whether there are slides, and so only metrics that need no whole image.
        workers: Processes.
        dense: The same cases with whole references; None where none were given.
    """

    job: Job
    selection: Selection
    chosen: Chosen
    options: Options
    streamed: bool
    workers: int
    dense: Selection | None = None

    def measure(self) -> Results:
        """Measure every case.

        A slide that cannot be read is left out, which the results say; a picture is an error.

        Raises:
            DataError: If a picture cannot be scored, or no slide can.
        """
        results = self._results(self.selection, self.chosen)
        facts = {**self.selection.facts, **results.facts}
        if self.streamed:
            facts["grid"] = "that of the heat maps"
        results = replace(results, facts=facts)
        if self.dense is None:
            return results
        if not facts.get("judged", {}).get("sparse_cases"):
            raise SpecError(
                f"--dense: expected sparse references beside it (strokes, positives, ...), got "
                f"dense ones in {self.job.reference}; leave it out"
            )
        return joined(results, self._results(self.dense, self.chosen), self.dense)

    def _results(self, selection: Selection, chosen: Chosen) -> Results:
        """Rows and lines of cases with the references that ``selection`` has."""
        bootstrap = self.job.settings.bootstrap
        found, failed = self._measured(self.job.mine, selection)
        rivals: dict[str, Measured] = {}
        if self.job.theirs:
            rivals, more = self._measured(self.job.theirs, selection)
            failed |= more
        ids = [case.id for case in selection.cases if case.id not in failed]
        if not ids:
            first = next(iter(failed.values()))
            raise DataError(f"none of the {len(failed)} cases can be scored: {first}")
        measured = [found[case] for case in ids]
        results = tabulate(measured, chosen, self.options, bootstrap)
        if self.dense is None:
            require_rows(results.rows, measured, chosen)
        return replace(
            results,
            rows=(*results.rows, *ranks(measured, chosen, bootstrap)),
            failed=failed,
            rows_of=partial(self._rows_of, measured, chosen),
            changes=differences(measured, [rivals[case] for case in ids], chosen, bootstrap)
            if rivals
            else (),
        )

    def _rows_of(
        self, measured: Sequence[Measured], chosen: Chosen, ids: Collection[str]
    ) -> tuple[Row, ...]:
        """Rows over some of the measured cases."""
        own, bootstrap = [m for m in measured if m.case in ids], self.job.settings.bootstrap
        if not own:
            return ()
        rows = tabulate(own, chosen, self.options, bootstrap).rows
        return (*rows, *ranks(own, chosen, bootstrap))

    def _measured(
        self, source: ScoredSource, selection: Selection
    ) -> tuple[dict[str, Measured], dict[str, str]]:
        """What was measured of each case, and why the others could not be."""
        there, settings = source.there, self.job.settings
        task = _Measure(
            there.path.resolve(),
            there.head,
            selection.classes,
            settings.metrics,
            self.options,
            self.streamed,
        )
        outcomes = map_cases(
            task,
            {case.id: (case, case.id in there.slides) for case in selection.cases},
            what="evaluate",
            workers=self.workers,
            scheduler=settings.scheduler,
        )
        found: dict[str, Measured] = {}
        failed: dict[str, str] = {}
        for outcome in outcomes:
            if outcome.error is not None and not self.streamed:
                raise outcome.error
            if outcome.error is not None:
                failed[outcome.case] = str(outcome.error)
            elif outcome.value is not None:
                found[outcome.case] = outcome.value
        return found, failed


def prepare(job: Job) -> DenseScoring:
    """Choose cases and metrics.

    Raises:
        SpecError: If a metric is unknown or needs a whole image, or an option means nothing.
        DataError: If cases or classes do not fit together.
    """
    settings, there = job.settings, job.mine.there
    streamed = any(source.there.slides for source in (job.mine, job.theirs) if source)
    if streamed and settings.tolerance is not None:
        raise SpecError(
            f"--tolerance does not apply to slides, which {there.path} holds: their borders are "
            "not measured; leave it out"
        )
    options = settings.options
    chosen = _chosen(settings.metrics, there.head.classes, options, streamed)
    selection = select(job)
    if streamed:
        size, few = _size_of_maps(there, selection.cases), _FEW_STREAMED
    else:
        grids = list(_grids(selection.cases))
        size, few = sum(math.prod(grid.shape) for grid in grids), _FEW
        if all(grid.spacing is not None for grid in grids):
            options = replace(options, unit="mm")
            chosen = _chosen(settings.metrics, there.head.classes, options, streamed)
    workers = settings.workers
    if workers is None:
        pays = size >= few and not settings.scheduler
        workers = min(_MOST_WORKERS, cores()) if pays else 1
    dense = None if job.dense is None else beside(job, selection)
    return DenseScoring(job, selection, chosen, options, streamed, workers, dense)


FAMILY = Family(
    "dense predictions",
    frozenset({"empty", "tolerance", "scheduler", "split", "compare", "dense", "by"}),
    prepare,
)


def _grids(cases: Sequence[Case]) -> Iterator[Geometry]:
    for case in cases:
        with open_case(case) as image:
            yield image.geometry


def _size_of_maps(there: PredictionFolder, cases: Sequence[Case]) -> int:
    records = (SlidePrediction.read(there.path, c.id) for c in cases if c.id in there.slides)
    return sum(math.prod(record.map_shape) for record in records)


def _chosen(
    names: Sequence[str] | None, classes: Sequence[str], options: Options, slides: bool
) -> Chosen:
    """The metrics of pictures; of slides those whose sums add up over blocks, and of the whole."""
    if not slides:
        return choose(names, classes, options)
    additive = [m for family in _STREAMED for m in METRICS.get(family)(options)]
    streamed = [m.name for m in additive]
    of_slides = [
        (metric, label)
        for channel, label in enumerate(classes)
        for metric in slide_metrics(replace(options, channel=channel))
        if names is None or metric.name in names
    ]
    own = {metric.name for metric in slide_metrics(options)}
    wanted = [m.name for m in additive if (not m.on_request if names is None else m.name in names)]
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


@dataclass(frozen=True)
class _Measure:
    """Measures one case; small enough to travel to a worker process, with metrics by name."""

    folder: Path
    head: Head
    classes: tuple[str, ...]
    names: tuple[str, ...] | None
    options: Options
    streamed: bool

    def __call__(self, item: tuple[Case, bool]) -> Measured:
        """Measure a case, of which is told whether it is a slide."""
        case, is_slide = item
        chosen = _chosen(self.names, self.head.classes, self.options, self.streamed)
        if not is_slide:
            return measure(read_pair(self.folder, self.head, case, self.classes), chosen)
        pair = slide_pair(self.folder, self.head, case)
        found = measure(pair, chosen)
        if not found.judgement.total:  # only what is true of the whole slide is known
            sums = tuple(
                s if m.name.startswith(RANKED) else np.zeros_like(s)
                for m, s in zip(chosen.metrics, found.sums, strict=True)
            )
            found = replace(found, sums=sums)
        table = counts(pair)
        samples = tuple((int(tp + fp), int(tp + fn)) for tp, fp, fn, _ in table[:-1])
        return replace(found, samples=samples)
