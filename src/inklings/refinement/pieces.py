"""Organs are one piece: of each class of a volume the largest connected part is kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.refinement.masks import at_least


def largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest part of ``mask`` ``(*S)`` whose samples touch by faces; the first of equals.

    All samples of a grid have one size, so the largest in samples is the largest in mm³.
    """
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    largest: NDArray[np.bool_] = pieces == sizes.argmax()
    return largest


def keep_largest(
    dense: NDArray[np.uint8], thresholds: Sequence[float], channels: Iterable[int]
) -> NDArray[np.uint8]:
    """``dense`` with all but the largest piece of some classes lowered below their threshold.

    What reads the probabilities later (scores, exports, viewer) then finds one piece by the
    threshold alone, and still sees how probable the others were.

    Args:
        dense: ``(K, *S)`` quantised probabilities, 255 is certainty.
        thresholds: One a class.
        channels: Classes that are one piece.

    Returns:
        ``dense`` itself where nothing had to change, else a copy.
    """
    out = dense
    for channel in channels:
        mask = at_least(dense[channel], thresholds[channel])
        stray = mask & ~largest_piece(mask)
        if stray.any():
            out = dense.copy() if out is dense else out
            below = max(0, math.ceil(float(np.float32(thresholds[channel] * 255))) - 1)
            out[channel][stray] = below
    return out
