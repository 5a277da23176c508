"""Volumes through a model: plane by plane, with neighbours, or in boxes; back on their own grid."""

from __future__ import annotations

import functools
import math
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inklings.data import INTENSITIES
from inklings.data.intensity import Scale, apply
from inklings.data.respace import respaced
from inklings.errors import DataError
from inklings.geometry import Geometry
from inklings.inference.dense import (
    calibrated,
    fit_channels,
    forward_of,
    largest_of,
    predict_array,
    settings_of,
    thresholds_of,
)
from inklings.inference.sliding_window import Forward, mirrored, sliding_window
from inklings.inference.windows import Axis, plan
from inklings.orientation import AS_STORED, in_array_order, turn_to
from inklings.predictions.numbers import quantise
from inklings.readers.image import Image
from inklings.refinement.pieces import keep_largest
from inklings.runs.run import Run
from inklings.spec import Inference

_BATCH = 4_000_000  # samples of the planes that go through a two-dimensional network at once
_MOST = 16


def predict_volume(run: Run, image: Image, settings: Inference | None = None) -> NDArray[np.uint8]:
    """Probabilities of every sample of a volume, on its own grid.

    Args:
        run: Trained on volumes.
        image: A volume; it is read as a whole.
        settings: Window, overlap, mirroring and components; those of the run's experiment if None.

    Returns:
        ``(K, D, H, W)`` quantised, 255 is certainty.

    Raises:
        DataError: If the run did not learn from volumes, or from others.
    """
    return predict_grid(run, image.read(image.geometry.full), image.geometry, settings)


def predict_any(
    run: Run,
    image: NDArray[Any],
    geometry: Geometry | None = None,
    settings: Inference | None = None,
    scale: Scale | None = None,
) -> NDArray[np.uint8]:
    """`predict_array` of a picture ``(C, H, W)``, `predict_grid` of a volume ``(C, D, H, W)``.

    Raises:
        DataError: If the run learnt from the other kind.
    """
    if image.ndim == 4:
        return predict_grid(run, image, geometry, settings)
    volumes = run.model_config.volumes
    if volumes is not None and volumes.view != "2d":
        raise DataError(
            f"expected a volume for a run trained on volumes ({volumes.view}), got a picture"
        )
    return predict_array(run, image, settings, scale)


def predict_grid(
    run: Run,
    volume: NDArray[Any],
    geometry: Geometry | None,
    settings: Inference | None = None,
) -> NDArray[np.uint8]:
    """Probabilities ``(K, D, H, W)`` of a volume ``(C, D, H, W)`` in memory, quantised.

    The volume is turned as those that the run learnt from were and brought to their spacing, and
    the probabilities back. Of classes that are one piece, all but the largest piece is lowered
    below the threshold.

    Args:
        run: Trained on volumes, on whatever device it is; its mode is kept.
        volume: As a reader returns it.
        geometry: Its grid; may be None where the run asks for no spacing.
        settings: Window, overlap and mirroring; those of the run's experiment if None.

    Raises:
        DataError: If the run did not learn from volumes or from others, or the spacing is needed
            and not known.
    """
    seen, settings = run.model_config.volumes, settings or settings_of(run)
    if seen is None:
        raise DataError(
            "expected a picture for a run trained on 2D images, got a volume; train on volumes"
        )
    volume = fit_channels(volume, run.model_config.in_channels // seen.planes)
    turn = (
        None if geometry is None else turn_to(geometry, run.model_config.orientation or AS_STORED)
    )
    if turn is not None and geometry is not None:
        volume, geometry = turn(volume), turn.grid(geometry)
    there = geometry
    if seen.spacing_mm is not None:
        if geometry is None:
            raise DataError("expected a volume with a known grid, got samples alone")
        there = geometry.at(in_array_order(seen.spacing_mm, run.model_config.orientation))
        volume = respaced(volume, geometry, there)
    asked = run.model_config.intensity
    scale = INTENSITIES.build(asked.name, asked.options).scale(volume)
    training = run.model.training
    run.model.eval()
    try:
        if seen.view == "3d":
            dense = _boxes(run, volume, scale, settings)
        else:
            dense = _planes(run, volume, scale, seen.planes // 2, settings)
    finally:
        run.model.train(training)
    if geometry is not None and there is not None:
        dense = respaced(dense, there, geometry)
    dense = calibrated(run, settings, dense)
    whole = [run.classes.index(name) for name in largest_of(run, settings)]
    dense = keep_largest(dense, thresholds_of(run, settings), whole)
    return dense if turn is None else turn.back(dense)


def _boxes(run: Run, volume: NDArray[Any], scale: Scale, settings: Inference) -> NDArray[np.uint8]:
    assert run.model_config.window is not None
    return sliding_window(
        forward_of(run),
        volume,
        window=run.model_config.window,
        overlap=settings.overlap,
        divisor=_divisor(run),
        batch_size=1,
        mirroring=settings.mirroring,
        prepare=functools.partial(apply, scale=scale),
    )


def _planes(
    run: Run, volume: NDArray[Any], scale: Scale, context: int, settings: Inference
) -> NDArray[np.uint8]:
    """Plane after plane; the next ones are made ready while the network works on some."""
    forward = forward_of(run)
    if settings.mirroring:
        forward = functools.partial(mirrored, forward, mirroring=settings.mirroring)
    axes = [plan(n, settings.window, settings.overlap, _divisor(run)) for n in volume.shape[2:]]
    area = math.prod(axis.size for axis in axes) * volume.shape[0] * (2 * context + 1)
    count = max(1, min(_MOST, _BATCH // area))
    out: NDArray[np.uint8] | None = None
    with torch.inference_mode():
        for z, planes in _ahead(volume, scale, context, count, axes):
            part = _blended(forward, planes, axes)
            if out is None:
                out = np.empty((part.shape[1], *volume.shape[1:]), np.uint8)
            out[:, z : z + len(part)] = quantise(part).transpose(1, 0, 2, 3)
    assert out is not None  # a volume has at least one plane
    return out


def _divisor(run: Run) -> int:
    return math.lcm(run.model_config.divisor, run.model.divisor)


def _ahead(
    volume: NDArray[Any], scale: Scale, context: int, count: int, axes: Sequence[Axis]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """First plane and network inputs ``(n, C, *padded)`` of each batch of planes."""
    starts = range(0, volume.shape[1], count)
    with ThreadPoolExecutor(1) as pool:
        pending: deque[tuple[int, Future[NDArray[np.float32]]]] = deque()
        for z in starts:
            pending.append((z, pool.submit(_inputs, volume, scale, context, z, count, axes)))
            if len(pending) > 1:
                first, future = pending.popleft()
                yield first, future.result()
        for first, future in pending:
            yield first, future.result()


def _inputs(
    volume: NDArray[Any], scale: Scale, context: int, z: int, count: int, axes: Sequence[Axis]
) -> NDArray[np.float32]:
    """Planes ``z`` to ``z + count`` with their neighbours as channels, each scaled once."""
    depth = volume.shape[1]
    stop = min(z + count, depth)
    low, high = max(0, z - context), min(depth, stop + context)
    scaled = apply(volume[:, low:high], scale)
    pad = [(0, axis.padded - axis.length) for axis in axes]
    if any(after for _, after in pad):
        scaled = np.pad(scaled, ((0, 0), (0, 0), *pad), mode="symmetric")
    near = np.arange(z, stop)[:, None] + np.arange(-context, context + 1)
    stacked = scaled[:, np.clip(near, 0, depth - 1) - low]  # (C, n, 2 context + 1, H, W)
    ready: NDArray[np.float32] = np.ascontiguousarray(stacked.transpose(1, 2, 0, 3, 4))
    return ready.reshape(stop - z, -1, *ready.shape[3:])


def _blended(
    forward: Forward, planes: NDArray[np.float32], axes: Sequence[Axis]
) -> NDArray[np.float32]:
    """Probabilities ``(n, K, H, W)`` of planes ``(n, C, *padded)`` through overlapping windows."""
    inputs = torch.from_numpy(planes)
    rows, columns = axes
    if len(rows.starts) == len(columns.starts) == 1:
        whole = forward(inputs).float().cpu().numpy()
        return whole[:, :, : rows.length, : columns.length]
    total: Tensor | None = None
    for i, top in enumerate(rows.starts):
        for j, left in enumerate(columns.starts):
            box = (..., slice(top, top + rows.size), slice(left, left + columns.size))
            found = forward(inputs[box]).float().cpu()
            weight = np.multiply.outer(rows.weights[i], columns.weights[j])
            if total is None:
                total = torch.zeros((*found.shape[:2], rows.padded, columns.padded))
            total[box] += found * torch.from_numpy(weight)
    assert total is not None  # there is at least one window
    return total.numpy()[:, :, : rows.length, : columns.length]
