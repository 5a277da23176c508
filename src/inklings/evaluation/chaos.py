"""The four scores of the CHAOS challenge, on whole volumes and in millimetres.

Kavur et al. 2021, "CHAOS Challenge - combined (CT-MR) healthy abdominal organ segmentation",
Medical Image Analysis 69. Two rules of the official evaluation are kept: what lies beyond the
image counts as inside when the border is drawn, so an organ cut off by the edge of the scan has no
border there; and RAVD has no sign. One is not: the official program orders slices by the
names of their files, here they lie where their positions say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inklings.errors import GeometryError
from inklings.evaluation import nearest
from inklings.evaluation.metric import Metric, Options, mean_of_cases
from inklings.evaluation.pairs import Pair, once
from inklings.evaluation.surface import missed
from inklings.geometry import Geometry


@dataclass(frozen=True)
class ChaosScores:
    """Scores of one organ in one scan.

    Attributes:
        dice: 1 is perfect.
        ravd: Relative absolute difference of the volumes, in percent of the reference.
        assd: Average symmetric surface distance, mm.
        mssd: Maximum symmetric surface distance, mm.
    """

    dice: float
    ravd: float
    assd: float
    mssd: float


def chaos_scores(
    predicted: NDArray[np.bool_], reference: NDArray[np.bool_], geometry: Geometry
) -> ChaosScores:
    """Compare two masks ``(Z, Y, X)`` on the grid of their scan.

    An empty side leaves distances (and, where it is the reference, RAVD) undefined: NaN.

    Raises:
        GeometryError: If the masks do not lie on the grid, or it has no spacing.
    """
    for mask in (predicted, reference):
        if mask.shape != geometry.shape:
            raise GeometryError(f"expected masks of {geometry.shape} samples, got {mask.shape}")
    both = int(np.count_nonzero(predicted)) + int(np.count_nonzero(reference))
    dice = 2 * int(np.count_nonzero(predicted & reference)) / both if both else math.nan
    found = surface_distances(predicted, reference, geometry.require_spacing(), geometry.axes)
    ravd = volume_difference(predicted, reference)
    if found is None:
        return ChaosScores(dice, ravd, math.nan, math.nan)
    return ChaosScores(dice, ravd, float(found.mean()), float(found.max()))


def volume_difference(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """Relative absolute volume difference in percent; NaN for an empty reference."""
    true = int(np.count_nonzero(reference))
    return 100 * abs(int(np.count_nonzero(predicted)) - true) / true if true else math.nan


def surface_distances(
    predicted: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    spacing: Sequence[float],
    axes: NDArray[np.float64] | None = None,
) -> NDArray[np.float64] | None:
    """From every border sample of either mask to the nearest of the other; None if one is empty.

    Args:
        predicted: ``(*S)``.
        reference: ``(*S)``.
        spacing: mm, array order.
        axes: Directions of the axes, where they may lean (a tilted gantry).
    """
    found = nearest.borders(predicted, reference, beyond=True)
    return None if found is None else np.concatenate(nearest.distances(found, spacing, axes))


@once
def _distances(pair: Pair, channel: int, unit: str) -> NDArray[np.float64] | None:
    if pair.partial:
        return None
    masks = pair.predicted.mask[channel], pair.reference.mask[channel]
    return surface_distances(*masks, *pair.scale(unit))


def _ravd(options: Options, pair: Pair) -> float:
    if pair.partial:
        return math.nan
    masks = pair.predicted.mask[options.channel], pair.reference.mask[options.channel]
    return volume_difference(*masks)


def _maximum(options: Options, pair: Pair) -> float:
    found = _distances(pair, options.channel, options.unit)
    return missed(pair, options.channel, options.unit) if found is None else float(found.max())


def _average(options: Options, pair: Pair) -> float:
    found = _distances(pair, options.channel, options.unit)
    return missed(pair, options.channel, options.unit) if found is None else float(found.mean())


def metrics(options: Options) -> tuple[Metric, ...]:
    """RAVD, ASSD and MSSD by the rules of CHAOS, for those who ask; its Dice is ``dice``."""
    unit = options.unit
    measured = (
        ("ravd", "Relative absolute volume difference", _ravd, "%"),
        ("chaos_assd", "Average symmetric surface distance (CHAOS)", _average, unit),
        ("chaos_mssd", "Maximum symmetric surface distance (CHAOS)", _maximum, unit),
    )
    return tuple(
        replace(
            mean_of_cases(name, title, partial(value, options), unit=unit, higher=False),
            on_request=True,
        )
        for name, title, value, unit in measured
    )
