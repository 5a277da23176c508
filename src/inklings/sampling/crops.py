"""Cutting: which box of an image becomes a sample, and what is done where the image ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.geometry import Region
from inklings.sampling.intensity import Scale, apply

_MOST_CENTRES = 20_000


@dataclass(frozen=True)
class Sample:
    """One crop and what is known about it.

    Attributes:
        inputs: ``(C, H, W)`` float32, zero on padding.
        value: ``(K, H, W)`` uint8 quantised probabilities.
        known: ``(H, W)``, True where ``value`` is a fact.
        valid: ``(H, W)``, False on padding.
        scale: Centre and width by which ``inputs`` were normalised; None where that is forgotten.
    """

    inputs: NDArray[np.float32]
    value: NDArray[np.uint8]
    known: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    scale: Scale | None = None


def anywhere(shape: Sequence[int], size: int, rng: Generator) -> Region:
    """A box of ``size`` x ``size`` anywhere in an image of ``shape``; at its start if smaller."""
    start = [int(rng.integers(max(n - size, 0) + 1)) for n in shape]
    return Region(tuple(start), (size,) * len(shape))


def around(centre: Sequence[int], shape: Sequence[int], size: int) -> Region:
    """The box of ``size`` x ``size`` around ``centre``, moved so that it stays inside ``shape``."""
    start = [
        min(max(c - size // 2, 0), max(n - size, 0)) for c, n in zip(centre, shape, strict=True)
    ]
    return Region(tuple(start), (size,) * len(shape))


def centres(value: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Flat indices of samples annotated as positive in any channel, evenly thinned.

    Args:
        value: ``(K, H, W)`` quantised probabilities; 128 and above counts as positive.
        known: ``(H, W)``.
    """
    positive = np.flatnonzero((value >= 128).any(0) & known).astype(np.int32)
    return positive[:: max(1, -(-len(positive) // _MOST_CENTRES))]


def cut(
    image: NDArray[Any],
    value: NDArray[np.uint8],
    known: NDArray[np.bool_],
    region: Region,
    scale: Scale,
) -> Sample:
    """The sample of ``region``; where it reaches beyond the image it is padded and not valid.

    Args:
        image: ``(C, H, W)``, any number type.
        value: ``(K, H, W)``.
        known: ``(H, W)``.
        region: Starts inside the image.
        scale: Centre and width of the whole image's intensities.
    """
    box = region.slices
    sample = Sample(
        apply(image[(slice(None), *box)], scale),
        value[(slice(None), *box)],
        known[box],
        np.ones(known[box].shape, np.bool_),
        scale,
    )
    return _padded(sample, region.size)


def _padded(sample: Sample, size: tuple[int, ...]) -> Sample:
    pad = [(0, want - have) for want, have in zip(size, sample.known.shape, strict=True)]
    if not any(after for _, after in pad):
        return sample
    return Sample(
        np.pad(sample.inputs, ((0, 0), *pad)),
        np.pad(sample.value, ((0, 0), *pad)),
        np.pad(sample.known, pad),
        np.pad(sample.valid, pad),
        sample.scale,
    )


def resize_image(image: NDArray[Any], size: int) -> NDArray[Any]:
    """``(C, H, W)`` to ``(C, size, size)``: bilinear, averaged where it shrinks, type kept."""
    return np.stack([_resized(channel, size, Pillow.Resampling.BILINEAR) for channel in image])


def resize_mask(mask: NDArray[Any], size: int) -> NDArray[Any]:
    """``(H, W)`` of uint8 or bool to ``(size, size)``: nearest, so no new values appear."""
    return _resized(mask.astype(np.uint8), size, Pillow.Resampling.NEAREST).astype(mask.dtype)


def _resized(plane: NDArray[Any], size: int, how: Pillow.Resampling) -> NDArray[Any]:
    eight_bit = plane.dtype == np.uint8
    picture = Pillow.fromarray(np.ascontiguousarray(plane if eight_bit else plane.astype("f4")))
    scaled = np.asarray(picture.resize((size, size), how))
    return scaled if eight_bit or plane.dtype.kind == "f" else np.rint(scaled).astype(plane.dtype)
