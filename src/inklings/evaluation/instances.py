"""Objects found: average precision of the Data Science Bowl 2018, F1 per IoU, panoptic quality.

A predicted object is a hit at threshold t when its IoU with a true object is *greater* than t.
Objects do not overlap, so from t = 0.5 on no object can hit two, and matching needs no search:
intersections are counted for all pairs at once, from the samples where both have an object.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.evaluation.metric import Array, Metric, Options, mean_of_cases, ratio
from inklings.evaluation.pairs import Pair, once

TWENTIETHS = np.arange(10, 20)
"""IoU 0.50, 0.55 ... 0.95 in units of 1/20, so that comparisons are exact."""
THRESHOLDS = tuple(float(t) for t in TWENTIETHS / 20)


@dataclass(frozen=True)
class Matching:
    """Which objects of one image lie over which.

    Attributes:
        predicted: Number of predicted objects.
        reference: Number of true objects.
        intersection: ``(pairs,)`` samples that two objects share.
        union: ``(pairs,)`` samples that either has.
    """

    predicted: int
    reference: int
    intersection: NDArray[np.int64]
    union: NDArray[np.int64]

    @property
    def hits(self) -> NDArray[np.int64]:
        """``(10,)`` predicted objects that hit, per threshold."""
        found: NDArray[np.int64] = np.count_nonzero(
            self.intersection[:, None] * 20 > self.union[:, None] * TWENTIETHS, axis=0
        )
        return found

    @property
    def matched_iou(self) -> float:
        """Sum of the IoU of the pairs matched at 0.5."""
        hit = self.intersection * 2 > self.union
        return float((self.intersection[hit] / self.union[hit]).sum())


@once
def matching(pair: Pair) -> Matching | None:
    """Objects of a pair, or None where one side does not tell them apart."""
    if pair.predicted.instances is None or pair.reference.instances is None:
        return None
    return match(pair.predicted.instances, pair.reference.instances)


def match(predicted: NDArray[Any], reference: NDArray[Any]) -> Matching:
    """Intersections and unions of all overlapping pairs of objects.

    Args:
        predicted: ``(*S)`` whole numbers, 0 is background; the numbers need not be dense.
        reference: The same for the true objects.
    """
    p, r = predicted.ravel(), reference.ravel()
    p_names, p_sizes = np.unique(p[p > 0], return_counts=True)
    r_names, r_sizes = np.unique(r[r > 0], return_counts=True)
    both = (p > 0) & (r > 0)
    i = np.searchsorted(p_names, p[both])
    j = np.searchsorted(r_names, r[both])
    keys, shared = np.unique(i * max(1, r_names.size) + j, return_counts=True)
    i, j = np.divmod(keys, max(1, r_names.size))
    return Matching(p_names.size, r_names.size, shared, p_sizes[i] + r_sizes[j] - shared)


def _threat_scores(found: Matching, empty: float) -> NDArray[np.float64]:
    """``(10,)`` TP / (TP + FP + FN) per threshold; ``empty`` where there are no objects at all."""
    everything = found.predicted + found.reference - found.hits
    return (
        ratio(found.hits.astype(float), everything.astype(float))
        if everything.all()
        else np.full(10, empty)
    )


def _average_precision(options: Options, pair: Pair) -> float:
    found = matching(pair)
    return np.nan if found is None else float(_threat_scores(found, options.both_empty).mean())


def _f1(options: Options, index: int, pair: Pair) -> float:
    found = matching(pair)
    if found is None:
        return np.nan
    objects = found.predicted + found.reference
    return 2 * float(found.hits[index]) / objects if objects else options.both_empty


def _totals(pair: Pair) -> Array:
    """``[sum of matched IoU, predicted, reference, hits at .50, ..., hits at .95]``."""
    found = matching(pair)
    if found is None:
        return np.zeros(13)
    return np.array([found.matched_iou, found.predicted, found.reference, *found.hits])


def _pooled_f1(index: int, sums: Array) -> Array:
    return ratio(2 * sums[..., 3 + index], sums[..., 1] + sums[..., 2])


def _segmentation_quality(sums: Array) -> Array:
    return ratio(sums[..., 0], sums[..., 3])


def _panoptic_quality(sums: Array) -> Array:
    return ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def metrics(options: Options) -> tuple[Metric, ...]:
    """Instance metrics; they exist for the first class only, which is the one with objects.

    ``ap`` is the score of the Data Science Bowl 2018 (Caicedo 2019): per image
    TP / (TP + FP + FN) at each IoU from 0.5 to 0.95 in steps of 0.05, the mean over thresholds,
    the mean over images. F1 = 2 TP / (predicted + true objects), once over all objects and once
    as the mean of images. Panoptic quality (Kirillov 2019) over all objects: SQ is the mean IoU
    of the matched, RQ is F1 at 0.5, PQ = SQ x RQ.
    """
    if options.channel != 0:
        return ()
    return (
        mean_of_cases("ap", "AP over IoU 0.5:0.95", partial(_average_precision, options)),
        *(
            Metric(f"f1_{t:.2f}", f"F1 at IoU {t:.2f}, pooled", _totals, partial(_pooled_f1, i))
            for i, t in enumerate(THRESHOLDS)
        ),
        *(
            mean_of_cases(
                f"f1_image_{t:.2f}",
                f"F1 at IoU {t:.2f}, mean of cases",
                partial(_f1, options, i),
                column=i == 0,
            )
            for i, t in enumerate(THRESHOLDS)
        ),
        Metric("pq", "Panoptic quality", _totals, _panoptic_quality, column=True),
        Metric("sq", "Segmentation quality (SQ)", _totals, _segmentation_quality),
        Metric("rq", "Recognition quality (RQ)", _totals, partial(_pooled_f1, 0)),
    )
