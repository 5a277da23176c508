"""Volumes of organs, in millilitres, predicted and true."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inklings.evaluation.metric import Metric, Options, mean_of_cases
from inklings.evaluation.pairs import Pair, Segmentation

_MM3_IN_ML = 1000


def volume_ml(
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, ...],
    axes: NDArray[np.float64] | None = None,
) -> float:
    """Volume of a mask ``(Z, Y, X)``.

    Args:
        mask: True inside.
        spacing_mm: Between samples, array order.
        axes: Directions of the axes as columns, where they lean: samples take up less room then.
    """
    lean = 1.0 if axes is None else abs(float(np.linalg.det(axes)))
    return int(np.count_nonzero(mask)) * math.prod(spacing_mm) * lean / _MM3_IN_ML


def _measured(side: str, options: Options, pair: Pair) -> float:
    if pair.partial or options.unit != "mm" or pair.spacing is None or len(pair.spacing) != 3:
        return math.nan
    said: Segmentation = getattr(pair, side)
    return volume_ml(said.mask[options.channel], pair.spacing, pair.axes)


def metrics(options: Options) -> tuple[Metric, ...]:
    """The mean volume, as predicted and as the reference has it; of volumes in mm only.

    An organ that is not there counts with 0 ml; one that a partial reference shows a part of has
    no volume. How far the two are apart, case by case, is
    ``ravd``.
    """
    titles = {"predicted": "Volume", "reference": "Volume of the reference"}
    names = {"predicted": "volume_ml", "reference": "reference_ml"}
    return tuple(
        replace(
            mean_of_cases(names[side], titles[side], partial(_measured, side, options), unit="ml"),
            of_absent=True,
        )
        for side in names
    )
