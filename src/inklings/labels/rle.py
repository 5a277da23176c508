"""Run lengths of masks: lengths alone, and the text of the 2018 Data Science Bowl.

The text is ``start length start length ...``: samples are counted from one, down the columns and
then to the right; runs are in ascending order and do not touch.
(kaggle.com/c/data-science-bowl-2018, Evaluation.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import LabelError


def encode(mask: NDArray[np.bool_]) -> str:
    """Run-length text of ``mask`` ``(H, W)``; the empty text where nothing is marked."""
    return encode_objects(mask.astype(np.uint8)).get(1, "")


def encode_objects(objects: NDArray[Any]) -> dict[int, str]:
    """Run-length text of every object of ``objects`` ``(H, W)``, by its number, in order.

    All runs are found in one pass, whatever the number of objects.
    """
    flat = np.ravel(objects, order="F")
    if flat.size == 0:
        return {}
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    lengths = np.diff(starts, append=flat.size)
    owners = flat[starts]
    order = np.argsort(owners, kind="stable")
    order = order[owners[order] > 0]
    pairs = np.stack([starts + 1, lengths], axis=1)[order]
    numbers, first = np.unique(owners[order], return_index=True)
    pieces = np.split(pairs, first[1:]) if len(numbers) else []
    return {
        int(number): " ".join(map(str, piece.ravel().tolist()))
        for number, piece in zip(numbers, pieces, strict=True)
    }


def decode(text: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask ``(H, W)`` of a run-length text.

    Raises:
        LabelError: If the text is not pairs of whole numbers, or a run leaves the image or
            overlaps the one before.
    """
    height, width = shape
    try:
        runs = np.array(text.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        raise LabelError(f"expected run lengths as whole numbers, got {text[:40]!r}") from None
    if len(runs) % 2:
        raise LabelError(f"expected pairs of start and length, got {len(runs)} numbers")
    starts, lengths = runs[::2] - 1, runs[1::2]
    stops = starts + lengths
    inside = (starts >= 0) & (lengths > 0) & (stops <= height * width)
    if not inside.all():
        bad = int(np.flatnonzero(~inside)[0])
        raise LabelError(
            f"expected runs within an image of {height} x {width} ({height * width} samples), got "
            f"'{starts[bad] + 1} {lengths[bad]}'; is the shape (height, width) that of the image?"
        )
    if (starts[1:] < stops[:-1]).any():
        raise LabelError("expected runs in ascending order without overlap, got runs that overlap")
    edges = np.zeros(height * width + 1, np.int8)
    np.add.at(edges, starts, 1)
    np.add.at(edges, stops, -1)
    mask: NDArray[np.bool_] = np.cumsum(edges[:-1], dtype=np.int8).astype(np.bool_)
    return mask.reshape(shape, order="F")


def lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Run lengths of a mask ``(*S)``, outside and inside in turn, its first axis the fastest."""
    flat = np.ravel(mask, order="F")
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs: list[int] = np.diff(np.concatenate([[0], ends, [flat.size]])).tolist()
    return [0, *runs] if flat.size and flat[0] else runs


def of_lengths(runs: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask ``(*shape)`` of `lengths`.

    Raises:
        LabelError: If they are not those of a mask of this shape.
    """
    counts = np.array(runs, np.int64)
    # Whole numbers of any size: a sum must not come round.
    if (counts < 0).any() or sum(counts.tolist()) != math.prod(shape):
        size = " x ".join(map(str, shape))
        raise LabelError(f"run lengths of {counts.sum()} samples for a mask of {size}")
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return flat.reshape(shape, order="F")
