"""Predict an image of any size through windows of a bounded one.

Windows overlap and are blended by Gaussian weights (`inklings.inference.windows`), as in
Isensee et al. (2021, nnU-Net). Rows of windows are finished one after the other and quantised
at once, so that besides the image and its uint8 result only one row is held in memory.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inklings.inference.windows import Axis, plan
from inklings.predictions.numbers import quantise

Forward = Callable[[Tensor], Tensor]
"""``(B, C, *S)`` samples to ``(B, K, *S)`` probabilities in [0, 1]."""
Prepare = Callable[[NDArray[Any]], NDArray[np.float32]]
"""``(C, *S)`` samples of one window as the file has them, to what the network takes."""


def sliding_window(
    forward: Forward,
    image: NDArray[Any],
    *,
    window: int | Sequence[int],
    overlap: float = 0.25,
    divisor: int = 1,
    batch_size: int = 4,
    mirroring: bool | str = False,
    prepare: Prepare | None = None,
) -> NDArray[np.uint8]:
    """Probabilities of a whole image, in two or three dimensions.

    An image that fits the window goes through in one pass; what is smaller than a window or no
    multiple of ``divisor`` is mirrored at its end and cropped again.

    Args:
        forward: The network, from samples to probabilities, on windows of one size.
        image: ``(C, *S)``, of any number type; floats are made of one window at a time.
        window: Largest side of a window, or one for each axis of ``S``.
        overlap: Share of a window that its neighbour also holds.
        divisor: Sides of a window are multiples of it.
        batch_size: Windows in one call of ``forward``.
        mirroring: Average over all mirror images of a window, or those along some axes (``zx``).
        prepare: Scales the intensities of one window; None where they are as they should be.

    Returns:
        ``(K, *S)`` quantised probabilities, 255 is certainty.
    """
    sides = [window] * (image.ndim - 1) if isinstance(window, int) else window
    axes = [plan(n, side, overlap, divisor) for n, side in zip(image.shape[1:], sides, strict=True)]
    padded = _pad(image, axes)
    if mirroring:
        forward = functools.partial(mirrored, forward, mirroring=mirroring)
    with torch.inference_mode():
        rows = _rows(forward, padded, axes, batch_size, prepare or _as_it_is)
        result = _blend(rows, axes)
    return np.ascontiguousarray(result[(slice(None), *(slice(axis.length) for axis in axes))])


def _rows(
    forward: Forward, image: NDArray[Any], axes: Sequence[Axis], batch_size: int, prepare: Prepare
) -> Iterator[NDArray[np.float32]]:
    """One row of windows after the other, blended along all axes but the first.

    Each is ``(K, axes[0].size, *padded)``.
    """
    first, *rest = axes
    places = list(itertools.product(*(range(len(axis.starts)) for axis in rest)))
    for top in first.starts:
        row: NDArray[np.float32] | None = None
        for i in range(0, len(places), batch_size):
            batch = places[i : i + batch_size]
            cuts = [(slice(top, top + first.size), *_slices(rest, place)) for place in batch]
            inputs = np.stack([prepare(image[(slice(None), *cut)]) for cut in cuts])
            outputs = forward(torch.from_numpy(inputs)).float().cpu().numpy()
            if row is None:
                shape = (outputs.shape[1], first.size, *(axis.padded for axis in rest))
                row = np.zeros(shape, np.float32)
            for place, cut, output in zip(batch, cuts, outputs, strict=True):
                row[(slice(None), slice(None), *cut[1:])] += output * _weights(rest, place)
        assert row is not None  # there is at least one window
        yield row


def _as_it_is(window: NDArray[Any]) -> NDArray[np.float32]:
    return window.astype(np.float32)


def _blend(rows: Iterator[NDArray[np.float32]], axes: Sequence[Axis]) -> NDArray[np.uint8]:
    """Blend rows along the first axis; what no later row can change is quantised."""
    first = axes[0]
    ends = (*first.starts[1:], first.padded)
    result: NDArray[np.uint8] | None = None
    carried: NDArray[np.float32] | None = None
    for weights, start, end, row in zip(first.weights, first.starts, ends, rows, strict=True):
        row *= weights.reshape(-1, *[1] * len(axes[1:]))
        if carried is not None:
            row[:, : carried.shape[1]] += carried
        if result is None:
            result = np.empty((len(row), *(axis.padded for axis in axes)), np.uint8)
        result[:, start:end] = quantise(row[:, : end - start])
        carried = row[:, end - start :]
    assert result is not None  # there is at least one row
    return result


def mirrored(forward: Forward, inputs: Tensor, mirroring: bool | str = True) -> Tensor:
    """The mean over all mirror images, two to the power of the axes.

    Args:
        forward: The network.
        inputs: ``(B, C, *S)``.
        mirroring: Along which axes, such as ``zx``; True for all of ``S``.
    """
    names = "zyx"[5 - inputs.ndim :]
    axes = [
        axis for axis, name in enumerate(names, 2) if mirroring is True or name in str(mirroring)
    ]
    ways = [way for n in range(len(axes) + 1) for way in itertools.combinations(axes, n)]
    return torch.stack([forward(inputs.flip(way)).flip(way) for way in ways]).mean(dim=0)


def _pad(image: NDArray[Any], axes: Sequence[Axis]) -> NDArray[Any]:
    """Mirror the image at its end until every axis holds a window."""
    widths = [(0, 0), *((0, axis.padded - axis.length) for axis in axes)]
    return np.pad(image, widths, mode="symmetric") if np.any(widths) else image


def _slices(axes: Sequence[Axis], place: Sequence[int]) -> tuple[slice, ...]:
    starts = [axis.starts[i] for axis, i in zip(axes, place, strict=True)]
    return tuple(slice(a, a + axis.size) for axis, a in zip(axes, starts, strict=True))


def _weights(axes: Sequence[Axis], place: Sequence[int]) -> NDArray[np.float32]:
    """Product of the weights of one window along all axes but the first, ``(1, 1, *size)``."""
    product = np.ones(1, np.float32)
    for axis, i in zip(axes, place, strict=True):
        product = np.multiply.outer(product, axis.weights[i])
    return product[:, None]
