"""What a network said is a number, how probabilities are stored, and which class they name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inklings.errors import DataError


def quantise(probability: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Probabilities in [0, 1] to the nearest of 0..255: how they are stored.

    Raises:
        DataError: If one is no number.
    """
    require_numbers(probability)
    stored: NDArray[np.uint8] = np.rint(np.clip(probability, 0, 1) * 255).astype(np.uint8)
    return stored


def coded(levels: NDArray[np.uint8], thresholds: Sequence[float]) -> NDArray[np.uint8]:
    """Of the classes that reach their threshold, the one that exceeds it most, by ratio.

    Args:
        levels: Stored probabilities ``(K, *S)``.
        thresholds: One a class.

    Returns:
        ``(*S)``, index of the class plus one, 0 where none reaches its threshold.
    """
    limits = np.maximum(np.array(thresholds, np.float32) * 255, 1e-3)
    limits = limits.reshape(-1, *(1,) * (levels.ndim - 1))
    said = np.where(levels >= limits, levels / limits, 0)
    found: NDArray[np.uint8] = np.where(said.max(0) > 0, said.argmax(0) + 1, 0).astype(np.uint8)
    return found


def require_numbers(*said: ArrayLike | None) -> None:
    """Refuse what a network said where it is NaN or infinite: nothing of it is ever written.

    Raises:
        DataError: With what usually makes it so.
    """
    for values in said:
        if values is None:
            continue
        finite = np.isfinite(np.asarray(values))  # tensors answer NumPy's functions with a warning
        if not finite.all():
            count = int(finite.size - np.count_nonzero(finite))
            raise DataError(
                f"the network's output is NaN or infinite in {count} places, so nothing was "
                "written; its input has values far beyond the training data ('inklings show' "
                "tells their "
                "range), or the run is broken"
            )
