"""Distances between borders, in samples or in millimetres.

The border of a mask are its samples with a neighbour (by face) outside the mask; what lies beyond
the image counts as outside. Where an object was missed altogether a distance is the diagonal of
the image, the largest there can be (as in BraTS), so that no mean gets better by a miss. It is
undefined where the reference is empty or speaks of some samples only, whatever was predicted, and
such a case is not counted: the column n says how many were, and the lines above the table say why.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inklings.evaluation import nearest
from inklings.evaluation.metric import Metric, Options, mean_of_cases
from inklings.evaluation.pairs import Pair, once


@once
def distances(
    pair: Pair, channel: int, unit: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """From each predicted border sample to the true border, and back; None if a side is empty.

    The edge of what a partial reference speaks of is no border, so there None too.
    """
    if pair.partial:
        return None
    masks = pair.predicted.mask[channel], pair.reference.mask[channel]
    scale, axes = pair.scale(unit)
    found = nearest.borders(*masks)
    return None if found is None else nearest.distances(found, scale, axes)


def missed(pair: Pair, channel: int, unit: str) -> float:
    """Diagonal of the image where a whole reference has something and nothing was predicted.

    NaN where that is not so.
    """
    if pair.partial or pair.predicted.mask[channel].any() or not pair.reference.mask[channel].any():
        return math.nan
    scale, _ = pair.scale(unit)
    return math.hypot(*(n * s for n, s in zip(pair.reference.mask.shape[1:], scale, strict=True)))


def _average(options: Options, pair: Pair) -> float:
    found = distances(pair, options.channel, options.unit)
    if found is None:
        return missed(pair, options.channel, options.unit)
    return float(np.concatenate(found).mean())


def _hausdorff95(options: Options, pair: Pair) -> float:
    found = distances(pair, options.channel, options.unit)
    if found is None:
        return missed(pair, options.channel, options.unit)
    return max(float(np.percentile(d, 95)) for d in found)


def _surface_dice(options: Options, pair: Pair) -> float:
    found = distances(pair, options.channel, options.unit)
    if found is not None:
        return float((np.concatenate(found) <= options.tolerance).mean())
    if pair.partial:
        return math.nan
    masks = pair.predicted.mask[options.channel], pair.reference.mask[options.channel]
    return 0.0 if any(mask.any() for mask in masks) else options.both_empty


def metrics(options: Options) -> tuple[Metric, ...]:
    """Average symmetric surface distance, Hausdorff 95 and boundary Dice at a tolerance.

    ASSD is the mean over the border samples of both sides (Heimann 2009). HD95 is the larger of
    the two directed 95th percentiles (Maier-Hein 2024, Metrics Reloaded). Boundary Dice is the
    share of all border samples within the tolerance of the other border (Nikolov 2021, as
    normalised surface Dice).
    """
    unit, within = options.unit, f"{options.tolerance:g} {options.unit}"
    return (
        mean_of_cases(
            "assd",
            "Average symmetric surface distance",
            partial(_average, options),
            unit=unit,
            higher=False,
        ),
        mean_of_cases(
            "hd95",
            "Hausdorff distance, 95 %",
            partial(_hausdorff95, options),
            unit=unit,
            higher=False,
        ),
        mean_of_cases("nsd", f"Boundary Dice within {within}", partial(_surface_dice, options)),
    )
