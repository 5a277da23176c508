"""A slide as runs see it: its windows with tissue, and some of them by which it is compared."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from inklings.data.slide_look import SlideLook
from inklings.data.tissue_finder import FindTissue
from inklings.errors import SpecError
from inklings.inference.device import device_of
from inklings.inference.features import plain, statistics_of, watched
from inklings.inference.slide_grid import Grid, SlideSettings, grid_of
from inklings.inference.slide_networks import network_of, seen_as
from inklings.inference.slide_windows import holding_tissue, read_ahead
from inklings.inference.windows import Axis, plan
from inklings.predictions.heatmaps.writer import Places
from inklings.readers.image import Image
from inklings.runs.run import Run
from inklings.spec import Inference

_SOME = 8  # windows by which slides are compared


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
        channels, batch = run.model_config.in_channels, batch_size(run)
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

    def statistics(self, run: Run, window: Inference) -> tuple[float | None, ...]:
        """How like the training slides it is; nothing where the run does not know them."""
        if run.likeness is None or not len(self.windows[0]):
            return ()
        samples, use = self.some(run, window)
        with watched(run) as features:
            use()
        assert features is not None
        return plain(statistics_of(run, samples, None, features)[1])


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


def batch_size(run: Run) -> int:
    """Windows in one call; an accelerator wants more of them than a processor."""
    device = device_of(run.model)
    return 16 if device.type == "cuda" else 4
