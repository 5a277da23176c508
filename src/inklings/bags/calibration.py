"""Numbers of instances become probabilities, by the labels of the bags that they must explain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

_Array = NDArray[np.float64]
INSTANCE_SCALE = "instance_scale"
"""In the facts of a run: slope and offset of each class."""

LEAST = 5
"""Bags of either answer without which nothing is fitted."""

_STEEPEST = 3.0  # log of the largest slope; bags that are told apart without error ask for infinity
_PULL = 0.1  # towards a slope of one, in nats at a slope of e


def instance_scale(instances: Sequence[_Array], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope ``a`` and offset ``b`` that make ``sigmoid(a l + b)`` the probability of an instance.

    Nobody labelled an instance, so the fit is to bags: with independent instances a bag is
    negative with probability ``prod(1 - p_i)``. Maximum likelihood on held-out bags whose labels
    are softened as Platt (1999) does. It holds where a bag is positive because one instance is.

    Args:
        instances: Logits ``(N,)`` of the instances of each held-out bag.
        positive: ``(B,)`` its label.

    Returns:
        The identity ``(1.0, 0.0)`` where fewer than `LEAST` bags have either label.
    """
    yes, no = int(positive.sum()), int((~positive).sum())
    if min(yes, no) < LEAST:
        return 1.0, 0.0
    target = np.where(positive, (yes + 1) / (yes + 2), 1 / (no + 2))
    logits = np.concatenate(instances).astype(np.float64)
    starts = np.concatenate([[0], np.cumsum([len(bag) for bag in instances])[:-1]])

    def cost(at: _Array) -> float:
        total = np.add.reduceat(np.logaddexp(0, np.exp(at[0]) * logits + at[1]), starts)
        total = np.maximum(total, 1e-12)
        fit = target * np.log(-np.expm1(-total)) - (1 - target) * total
        return float(_PULL * at[0] ** 2 - fit.sum())

    bounds = [(-_STEEPEST, _STEEPEST), (-50.0, 50.0)]
    found = minimize(cost, np.array([0.0, -2.0]), method="L-BFGS-B", bounds=bounds)
    return float(np.exp(found.x[0])), float(found.x[1])
