"""The windows of a slide that hold tissue, decoded ahead of the network."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.data.slide_look import Restain
from inklings.geometry import Region
from inklings.inference.dense import fit_channels
from inklings.inference.windows import Axis
from inklings.predictions.heatmaps.writer import Places
from inklings.readers.image import Image


@dataclass(frozen=True)
class Batch:
    """Windows that go through the network together.

    Attributes:
        rows: Number along the first axis of each window, ``(B,)``.
        columns: Along the second.
        pixels: ``(B, C, h, w)`` as the file has them.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    pixels: NDArray[Any]


def holding_tissue(
    tissue: Places, axes: Sequence[Axis], step: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the windows with at least one sample of the maps that is tissue.

    A sample of the maps is tissue if its centre is; all windows that hold it are then here, so
    the weights of the windows sum to one wherever there is tissue.

    Args:
        tissue: Where it is.
        axes: Windows along y and x, in samples of the network's grid.
        step: Samples of that grid along a sample of the maps.
    """
    total = np.zeros(np.add(tissue.mask.shape, 1), np.int64)
    total[1:, 1:] = tissue.mask.cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
    (y0, y1), (x0, x1) = (
        _reach(axis, step, places)
        for axis, places in zip(axes, (tissue.rows, tissue.columns), strict=True)
    )
    held = (
        total[np.ix_(y1, x1)]
        - total[np.ix_(y0, x1)]
        - total[np.ix_(y1, x0)]
        + total[np.ix_(y0, x0)]
    )
    rows, columns = np.nonzero(held)
    return rows, columns


def _reach(
    axis: Axis, step: int, places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row of the mask that each window meets, and one past the last."""
    first = np.array(axis.starts) // step
    last = np.minimum(first + axis.size // step, len(places)) - 1
    return places[first], places[last] + 1


def read_ahead(
    view: Image,
    axes: Sequence[Axis],
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    channels: int,
    *,
    batch: int,
    readers: int,
    prepare: Restain,
) -> Iterator[Batch]:
    """Batches in the order of ``places``, some of which are being decoded meanwhile.

    Args:
        view: The slide on the grid of the network.
        axes: Windows along y and x.
        places: Rows and columns of the windows.
        channels: That the network takes.
        batch: Windows of a batch.
        readers: Threads that decode.
        prepare: What is done to the samples of a window.

    Raises:
        ReaderError: If a window cannot be decoded.
    """
    rows, columns = places

    def read(start: int) -> Batch:
        part = slice(start, start + batch)
        own = zip(rows[part], columns[part], strict=True)
        pixels = np.stack([prepare(_window(view, axes, place, channels)) for place in own])
        return Batch(rows[part], columns[part], pixels)

    with ThreadPoolExecutor(readers) as pool:
        pending: deque[Future[Batch]] = deque()
        try:
            for start in range(0, len(rows), batch):
                pending.append(pool.submit(read, start))
                if len(pending) > readers + 1:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _window(
    view: Image, axes: Sequence[Axis], place: tuple[int, int], channels: int
) -> NDArray[Any]:
    """One window ``(C, h, w)``, mirrored where it leaves the image."""
    start = tuple(axis.starts[i] for axis, i in zip(axes, place, strict=True))
    size = tuple(min(a.size, a.length - s) for a, s in zip(axes, start, strict=True))
    pixels = fit_channels(view.read(Region(start, size)), channels)
    beyond = [(0, 0), *((0, a.size - n) for a, n in zip(axes, size, strict=True))]
    return np.pad(pixels, beyond, mode="symmetric") if np.any(beyond) else pixels
