"""Cutting: which box of an image becomes a sample, and what is done where the image ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.data.intensity import Scale, apply
from inklings.geometry import Region
from inklings.supervision.base import Target

_MOST_CENTRES = 20_000


@dataclass(frozen=True)
class Sample:
    """One crop and what is known about it.

    Attributes:
        inputs: ``(C, *S)`` float32, zero on padding; ``S`` is ``(H, W)``, of patches of volumes
            ``(D, H, W)``.
        value: ``(K, *S)`` uint8 quantised probabilities.
        known: ``(1 or K, *S)``, True where ``value`` is a fact.
        valid: ``(*S)``, False on padding.
        scale: Centre and width by which ``inputs`` were normalised; None where that is forgotten.
        points: Places ``(n, len(S))`` as indices, which move with the rest; None where none are
            asked for.
        assumed: ``(1 or K, *S)``, True where background is assumed; None where nothing is.
        objects: ``(K, *S)``, which coarse outline holds a sample; None where there are none.
    """

    inputs: NDArray[np.float32]
    value: NDArray[np.uint8]
    known: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    scale: Scale | None = None
    points: NDArray[np.float64] | None = None
    assumed: NDArray[np.bool_] | None = None
    objects: NDArray[np.int32] | None = None


def anywhere(shape: Sequence[int], size: int | Sequence[int], rng: Generator) -> Region:
    """A box of ``size`` (of each side) anywhere in an image of ``shape``; at its start if smaller.

    Args:
        shape: Samples of the image along each axis.
        size: Of the box; one number for all axes, or one for each.
        rng: Where chance comes from.
    """
    sides = _sides(size, shape)
    start = [int(rng.integers(max(n - m, 0) + 1)) for n, m in zip(shape, sides, strict=True)]
    return Region(tuple(start), sides)


def holding(
    index: Sequence[int], shape: Sequence[int], size: int | Sequence[int], rng: Generator
) -> Region:
    """A box of ``size`` anywhere in an image of ``shape``, so that it holds the sample ``index``.

    The sample is in no special place of the box: a network that sees the border of its crop would
    learn that the middle is always positive.
    """
    sides = _sides(size, shape)
    start = []
    for i, n, m in zip(index, shape, sides, strict=True):
        low, high = max(0, i - m + 1), max(0, min(i, n - m))
        start.append(int(rng.integers(min(low, high), high + 1)))
    return Region(tuple(start), sides)


def _sides(size: int | Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    return (size,) * len(shape) if isinstance(size, int) else tuple(size)


def centres(target: Target) -> NDArray[np.int32]:
    """Flat indices of samples annotated as positive in any channel, evenly thinned."""
    positive = np.flatnonzero(target.marked.any(0)).astype(np.int32)
    return positive[:: max(1, -(-len(positive) // _MOST_CENTRES))]


def cut(
    image: NDArray[Any],
    target: Target,
    region: Region,
    scale: Scale,
) -> Sample:
    """The sample of ``region``; where it reaches beyond the image it is padded and not valid.

    Args:
        image: ``(C, *S)``, any number type.
        target: Of the image.
        region: Starts inside the image.
        scale: Centre and width of the whole image's intensities.
    """
    box, told = region.slices, target.at(region.slices)
    sample = Sample(
        apply(image[(slice(None), *box)], scale),
        told.value,
        told.known,
        np.ones(told.shape, np.bool_),
        scale,
        assumed=told.assumed,
        objects=told.objects,
    )
    return _padded(sample, region.size)


def _padded(sample: Sample, size: tuple[int, ...]) -> Sample:
    pad = [(0, want - have) for want, have in zip(size, sample.valid.shape, strict=True)]
    if not any(after for _, after in pad):
        return sample
    return Sample(
        np.pad(sample.inputs, ((0, 0), *pad)),
        np.pad(sample.value, ((0, 0), *pad)),
        np.pad(sample.known, ((0, 0), *pad)),
        np.pad(sample.valid, pad),
        sample.scale,
        assumed=None if sample.assumed is None else np.pad(sample.assumed, ((0, 0), *pad)),
        objects=None if sample.objects is None else np.pad(sample.objects, ((0, 0), *pad)),
    )


def resize_image(image: NDArray[Any], size: int) -> NDArray[Any]:
    """``(C, H, W)`` to ``(C, size, size)``: bilinear, averaged where it shrinks, type kept."""
    return np.stack([_resized(channel, size, Pillow.Resampling.BILINEAR) for channel in image])


def resize_mask(mask: NDArray[Any], size: int) -> NDArray[Any]:
    """``(..., H, W)`` of whole numbers or bool to ``(..., size, size)``: nearest, no new values."""
    if mask.ndim > 2:
        return np.stack([resize_mask(channel, size) for channel in mask])
    plane = mask.astype(np.uint8) if mask.dtype == np.bool_ else mask
    return _resized(plane, size, Pillow.Resampling.NEAREST).astype(mask.dtype)


def _resized(plane: NDArray[Any], size: int, how: Pillow.Resampling) -> NDArray[Any]:
    eight_bit = plane.dtype == np.uint8
    picture = Pillow.fromarray(np.ascontiguousarray(plane if eight_bit else plane.astype("f4")))
    scaled = np.asarray(picture.resize((size, size), how))
    return scaled if eight_bit or plane.dtype.kind == "f" else np.rint(scaled).astype(plane.dtype)
