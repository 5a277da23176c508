"""Predict a slide of any size in bounded memory.

Three things run at once: threads that decode the next windows, the network, and a thread that
blends the last ones and writes. Windows overlap under Gaussian weights, as for pictures, but each
is reduced to the grid of the maps before it is blended, so that what is held is a band of finished
width times one window, in samples of the maps. Only windows with tissue are read at all.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from inklings.data.slide_look import SlideLook
from inklings.data.tissue_finder import FindTissue
from inklings.errors import SpecError
from inklings.inference.dense import calibrated, calibration_of
from inklings.inference.device import device_of
from inklings.inference.features import plain, statistics_of, watched
from inklings.inference.slide_files import areas_of, pictures
from inklings.inference.slide_grid import Grid, SlideSettings, grid_of
from inklings.inference.slide_networks import (
    Network,
    beside,
    network_of,
    require_same_look,
    seen_as,
)
from inklings.inference.slide_windows import Batch, holding_tissue, read_ahead
from inklings.inference.windows import Axis, plan
from inklings.machine import cores
from inklings.predictions.heatmaps.canvas import Canvas
from inklings.predictions.heatmaps.tiled import rows_of
from inklings.predictions.heatmaps.writer import HeatmapWriter, Places
from inklings.predictions.slides import SlidePrediction
from inklings.progress import track
from inklings.readers.image import Image
from inklings.readers.pyramid import corner_of
from inklings.runs.run import Run
from inklings.spec import Inference

_AHEAD = 3  # batches blended after the one in the network
_SOME = 8  # windows by which slides are compared


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
    statistics = _statistics(run, way, job.window)

    def fill(sink: HeatmapWriter) -> None:
        stream = read_ahead(
            grid.view,
            axes,
            windows,
            run.model_config.in_channels,
            batch=_batch_size(run),
            readers=min(4, cores()),
            prepare=seen[0][0],
        )
        count = -(-len(windows[0]) // _batch_size(run))
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


@dataclass(frozen=True)
class SeenSlide:
    """A slide as it is mapped: the grid, its windows, where there is tissue, how it looks."""

    grid: Grid
    axes: tuple[Axis, ...]
    places: Places
    look: SlideLook

    @classmethod
    def of(
        cls,
        runs: Sequence[Run],
        slide: Image,
        tissue: FindTissue,
        window: Inference,
        slides: SlideSettings,
    ) -> Self:
        """As runs see it that see it alike."""
        side = _window_side(runs, window)
        grid = grid_of(slide, runs[0].model_config, slides, side)
        axes = tuple(
            plan(n, side, window.overlap, _divisor(runs), grid.step)
            for n in grid.view.geometry.shape
        )
        places = Places(tissue(slide), grid.shape)
        return cls(grid, axes, places, SlideLook.of(slide, places.mask))

    @functools.cached_property
    def windows(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of the windows with tissue."""
        return holding_tissue(self.places, self.axes, self.grid.step)

    def some(self, run: Run, window: Inference) -> tuple[NDArray[Any], Callable[[], None]]:
        """Some windows with tissue, evenly spread: by them slides are compared.

        Returns:
            Their samples ``(C, n h, w)``, one below the other, and what puts them through the
            network of the run; no samples where there is no tissue.
        """
        rows, columns = self.windows
        chosen = np.unique(np.linspace(0, len(rows) - 1, min(_SOME, len(rows))).round().astype(int))
        prepare, scale = seen_as(run, self.look)
        channels, batch = run.model_config.in_channels, _batch_size(run)
        few = (rows[chosen], columns[chosen])
        batches = list(
            read_ahead(
                self.grid.view, self.axes, few, channels, batch=batch, readers=1, prepare=prepare
            )
        )
        once = window.model_copy(update={"mirroring": False})
        network = network_of(run, once, self.axes, self.grid.step, scale)

        def use() -> None:
            for one in batches:
                network(one)

        pixels = [np.concatenate(list(one.pixels), 1) for one in batches]
        samples = np.concatenate(pixels, 1) if pixels else np.zeros((channels, 0, 0))
        return samples, use


def _statistics(run: Run, way: SeenSlide, window: Inference) -> tuple[float | None, ...]:
    """What says how like the training slides it is; nothing where the run does not know them."""
    if run.likeness is None or not len(way.windows[0]):
        return ()
    samples, use = way.some(run, window)
    with watched(run) as features:
        use()
    assert features is not None
    return plain(statistics_of(run, samples, None, features)[1])


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


def _window_side(runs: Sequence[Run], settings: Inference) -> int:
    for run in runs:
        if run.model_config.resize is not None:
            raise SpecError(
                f"the run scales whole images to {run.model_config.resize} samples, which no slide "
                "can be; train one on tiles (sampling.resize: false)"
            )
    divisor = _divisor(runs)
    return -(-settings.window // divisor) * divisor


def _divisor(runs: Sequence[Run]) -> int:
    return math.lcm(*(n for run in runs for n in (run.model_config.divisor, run.model.divisor)))


def _batch_size(run: Run) -> int:
    """Windows in one call; an accelerator wants more of them than a processor."""
    device = device_of(run.model)
    return 16 if device.type == "cuda" else 4
