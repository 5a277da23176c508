"""Predict a slide of any size in bounded memory.

Three things run at once: threads that decode the next windows, the network, and a thread that
blends the last ones and writes. Windows overlap under Gaussian weights, as for pictures, but each
is reduced to the grid of the maps before it is blended, so that what is held is a band of finished
width times one window, in samples of the maps. Only windows with tissue are read at all.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inklings.data.tissue_finder import FindTissue
from inklings.inference.dense import calibrated, calibration_of
from inklings.inference.slide_files import areas_of, pictures
from inklings.inference.slide_grid import SlideSettings
from inklings.inference.slide_networks import (
    Network,
    beside,
    network_of,
    require_same_look,
    seen_as,
)
from inklings.inference.slide_seen import SeenSlide, batch_size
from inklings.inference.slide_windows import Batch, read_ahead
from inklings.inference.windows import Axis
from inklings.machine import cores
from inklings.predictions.heatmaps.canvas import Canvas
from inklings.predictions.heatmaps.tiled import rows_of
from inklings.predictions.heatmaps.writer import HeatmapWriter
from inklings.predictions.slides import SlidePrediction
from inklings.progress import track
from inklings.readers.image import Image
from inklings.readers.pyramid import corner_of
from inklings.runs.run import Run
from inklings.spec import Inference

_AHEAD = 3  # batches blended after the one in the network


@dataclass(frozen=True)
class Job:
    """What is to be predicted, and how.

    Attributes:
        case: Identifier.
        image: The file.
        window: Window, overlap and mirroring.
        slides: Grid, maps and tissue.
        thresholds: One a class.
        watched: Whether to show how many windows are done.
    """

    case: str
    image: Path
    window: Inference
    slides: SlideSettings
    thresholds: tuple[float, ...]
    watched: bool = False


def predict_slide(
    runs: Sequence[Run], slide: Image, tissue: FindTissue, job: Job, folder: Path
) -> SlidePrediction:
    """Predict a slide into ``folder``; the record is written last.

    Args:
        runs: Trained models, in evaluation mode, on whatever device; of several the mean is mapped,
            and the standard deviation over them beside it. Each window is read once for all.
        slide: At level 0.
        tissue: Where to look.
        job: Which case, and how.
        folder: Of this case alone; to be renamed by the caller when all is done.

    Raises:
        SpecError: If a run scales whole images, which no slide can be, or the runs see slides in
            different ways.
        InklingsError: If the slide cannot be decoded or does not suit the run.
    """
    run = runs[0]
    require_same_look(runs)
    way = SeenSlide.of(runs, slide, tissue, job.window, job.slides)
    grid, axes, windows = way.grid, way.axes, way.windows
    seen = [seen_as(one, way.look) for one in runs]
    statistics = way.statistics(run, job.window)

    def fill(sink: HeatmapWriter) -> None:
        stream = read_ahead(
            grid.view,
            axes,
            windows,
            run.model_config.in_channels,
            batch=batch_size(run),
            readers=min(4, cores()),
            prepare=seen[0][0],
        )
        count = -(-len(windows[0]) // batch_size(run))
        batches = track(stream, f"predict {job.case}", count) if job.watched else stream
        networks = [
            network_of(one, job.window, axes, grid.step, scale)
            for one, (_, scale) in zip(runs, seen, strict=True)
        ]
        _stream(beside(networks), batches, axes, grid.step, sink)

    return _written(run, slide, job, folder, way, fill, len(windows[0]), statistics, runs)


def cut_slide(
    run: Run, slide: Image, tissue: FindTissue, job: Job, folder: Path, out: Path
) -> SlidePrediction:
    """Cut the maps of a slide that is predicted in ``out`` at other thresholds, into ``folder``.

    Raises:
        DataError: If what is there is damaged.
    """
    before = SlidePrediction.read(out, job.case)
    with before.heatmap(out) as heat:
        return _written(
            run,
            slide,
            job,
            folder,
            SeenSlide.of((run,), slide, tissue, job.window, job.slides),
            lambda sink: sink.take(rows_of(heat)),
            before.windows,
            before.statistics,
        )


def _written(
    run: Run,
    slide: Image,
    job: Job,
    folder: Path,
    seen: SeenSlide,
    fill: Callable[[HeatmapWriter], None],
    windows: int,
    statistics: tuple[float | None, ...],
    said_by: Sequence[Run] = (),
) -> SlidePrediction:
    """The files of a slide whose probabilities ``fill`` gives; the record is written last.

    They are as the networks of ``said_by`` say them; where none is named, as they are to be kept.
    """
    began = time.monotonic()
    grid, places = seen.grid, seen.places
    with HeatmapWriter(
        folder,
        run.classes,
        job.thresholds,
        places,
        shape=grid.shape,
        factor=grid.factor,
        slide=(slide.geometry.shape[0], slide.geometry.shape[1]),
        spacing_um=grid.spacing_um,
        smallest=job.slides.smallest_region,
        corner=corner_of(slide),
        runs=max(1, len(said_by)),
        changes=[
            functools.partial(calibrated, one, job.window)
            if calibration_of(one, job.window)
            else None
            for one in said_by
        ],
    ) as sink:
        fill(sink)
        outlined, too_small = sink.finish()
        codes, samples, peaks = sink.preview, sink.samples, sink.peaks
    pictures(folder, seen.look.thumbnail, codes, run.classes)
    looked_at, areas = areas_of(run, grid, places.samples, samples, peaks)
    remarks = (*grid.remarks, *(note.text for note in slide.notes))
    if not windows:
        remarks = (*remarks, "no tissue was found, so nothing was predicted (see --tissue)")
    record = SlidePrediction(
        case=job.case,
        image=job.image,
        shape=(slide.geometry.shape[0], slide.geometry.shape[1]),
        spacing_um=grid.spacing_um,
        network=grid.network,
        factor=grid.factor,
        map_shape=grid.shape,
        classes=run.classes,
        thresholds=job.thresholds,
        tissue=looked_at,
        areas=areas,
        windows=windows,
        outlined=outlined,
        too_small=too_small,
        seconds=round(time.monotonic() - began, 3),
        remarks=remarks,
        spread=sink.spreads(places.samples),
        statistics=statistics,
    )
    record.write(folder)
    return record


def _stream(
    network: Network, batches: Iterator[Batch], axes: Sequence[Axis], step: int, sink: HeatmapWriter
) -> None:
    """Windows through the network; blending and writing follow in a thread of their own."""
    starts = [np.array(axis.starts) // step for axis in axes]
    canvas = Canvas(sink.channels)
    row = -1

    def lay(batch: Batch, values: NDArray[np.float32]) -> None:
        nonlocal row
        for y, x, value in zip(batch.rows, batch.columns, values, strict=True):
            if y != row:
                sink.take(canvas.take_above(int(starts[0][y])))
                row = y
            canvas.add(int(starts[0][y]), int(starts[1][x]), value)

    with ThreadPoolExecutor(1) as writer:
        behind: deque[Future[None]] = deque()
        for batch in batches:
            places = dataclasses.replace(batch, pixels=batch.pixels[:0])
            behind.append(writer.submit(lay, places, network(batch)))
            if len(behind) > _AHEAD:
                behind.popleft().result()
        for future in behind:
            future.result()
    sink.take(canvas.take_all())
