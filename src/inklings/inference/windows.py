"""Where overlapping windows lie and how they are blended; arithmetic without a network.

A window counts most in its middle, where the network has seen the whole neighbourhood, and
least at its rim. The weight is a product of one Gaussian per axis, so the sum over all windows
is a product as well, and the weights can be normalised axis by axis, exactly, beforehand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.errors import SpecError

_SIGMAS = 8.0  # the width of a window in standard deviations; its rim is at the fourth


@dataclass(frozen=True)
class Axis:
    """The windows along one axis.

    Attributes:
        length: Samples of the image.
        size: Samples of each window, a multiple of the divisor; may exceed ``length``.
        starts: First sample of each window.
        weights: ``(len(starts), size)``; at each sample of the image the weights of all windows
            that hold it sum to one.
    """

    length: int
    size: int
    starts: tuple[int, ...]
    weights: NDArray[np.float32]

    @property
    def padded(self) -> int:
        """Samples of the image once it holds every window."""
        return max(self.length, self.starts[-1] + self.size)


def plan(length: int, window: int, overlap: float, divisor: int = 1, align: int = 1) -> Axis:
    """Cover ``length`` samples with the fewest windows that overlap by at least ``overlap``.

    An image that fits the window is covered by one, no larger than it has to be. The last window
    ends with the image, or less than ``align`` samples after it.

    Args:
        length: Samples of the image.
        window: Largest side of a window; rounded up to a multiple of ``divisor``.
        overlap: Share of a window that its neighbour also holds, in [0, 1).
        divisor: Sides of a window are multiples of it.
        align: Windows start at multiples of it, and their sides are multiples as well.

    Raises:
        SpecError: If the overlap is impossible or the image is empty.
    """
    divisor = math.lcm(divisor, align)
    if length < 1 or window < 1 or not 0 <= overlap < 1:
        raise SpecError(
            "expected a length and a window of at least 1 and an overlap in [0, 1), "
            f"got {length}, {window} and {overlap}"
        )
    size = _round_up(min(length, window), divisor)
    if size >= length:
        return Axis(length, size, (0,), np.ones((1, size), np.float32))
    stride = max(1, int(size * (1 - overlap)) // align)
    last = -(-(length - size) // align)
    count = -(-last // stride) + 1
    starts = tuple((np.rint(np.linspace(0, last, count)).astype(int) * align).tolist())
    bell = np.exp(-0.5 * (((np.arange(size) + 0.5) / size - 0.5) * _SIGMAS) ** 2)
    total = np.zeros(starts[-1] + size)
    for start in starts:
        total[start : start + size] += bell
    weights = np.stack([bell / total[start : start + size] for start in starts])
    return Axis(length, size, starts, weights.astype(np.float32))


def _round_up(number: int, divisor: int) -> int:
    return -(-number // divisor) * divisor
