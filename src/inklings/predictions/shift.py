"""Whether new patients are like those that a promise was calibrated on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from inklings.predictions.bags import BagPrediction
from inklings.predictions.findings import Findings
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.guarantee import of_head
from inklings.predictions.head import Head
from inklings.predictions.slides import SlidePrediction

_SHIFTED = 0.01
"""Probability of a warning about patients who are like those of the calibration."""


def diagnoses(bag: BagPrediction, head: Head) -> dict[str, float]:
    """Probability of each answer about a bag: of its classes, and of yes and no to questions."""
    said = dict(zip(head.classes, map(float, bag.probability), strict=False))
    if head.settings.get("task") in ("binary", "multilabel"):
        return {**said, **{f"no {name}": 1 - p for name, p in said.items()}}
    return said


def certainty(probability: ArrayLike) -> float:
    """``sum(p^2) / sum(p)``: the mean probability, where each counts as much as it says.

    It does not depend on how large an object is, and falls where a network is unsure; 0 of
    nothing.
    """
    p: NDArray[np.float64] = np.asarray(probability, np.float64).ravel()
    total = float(p.sum())
    return float((p * p).sum()) / total if total else 0.0


def certainty_of(there: PredictionFolder, case: str, label: str) -> float:
    """Of one case and class."""
    payload, classes = there.payload(case), there.head.classes
    if isinstance(payload, BagPrediction):
        return certainty(list(diagnoses(payload, there.head).values()))
    if isinstance(payload, Findings):
        return certainty([one.score for one in payload])
    channel = classes.index(label)
    if isinstance(payload, SlidePrediction):
        return certainty_of_levels(payload.histogram(there.path)[channel])
    return certainty_of_levels(np.bincount(payload.dense[channel].ravel(), minlength=256))


def certainty_of_levels(samples: ArrayLike) -> float:
    """Of a histogram ``(256,)`` of quantised probabilities."""
    p = np.arange(256) / 255
    count = np.asarray(samples, np.float64)
    total = float(count @ p)
    return float(count @ (p * p)) / total if total else 0.0


def shift(there: PredictionFolder, patients: Mapping[str, str]) -> tuple[str, ...]:
    """Where new patients are not like those of a calibration, a sentence each.

    The certainty of one case of each patient is compared with that of the calibration by the
    two-sample test of Kolmogorov and Smirnov, at a level of 1 % over all promises; promises that
    rest on the same cases are one.

    Args:
        there: Predictions with promises.
        patients: Case to patient.
    """
    promises = [one for one in of_head(there.head) if one.certainty]
    first: dict[str, str] = {}
    for case in sorted(set(there.cases) & patients.keys()):
        first.setdefault(patients[case], case)
    apart = {(one.label, one.certainty): one for one in promises}
    level, lines = _SHIFTED / max(len(apart), 1), list[str]()
    for (label, _), one in apart.items():
        others = [case for patient, case in first.items() if patient not in one.patients]
        new = [certainty_of(there, case, label) for case in others]
        if not new:
            continue
        found = two_sample(one.certainty, new, level)
        if found is None:
            lines.append(
                f"{len(new)} new patients are too few to say whether they are like the "
                f"{len(one.certainty)} that the promise about {label} was calibrated on"
            )
        elif found < level:
            lines.append(
                f"the promise about {label} is void: these {len(new)} patients are unlike the "
                f"{len(one.certainty)} that it was calibrated on (certainty "
                f"{np.median(new):.2f} instead of {np.median(one.certainty):.2f}, "
                f"Kolmogorov-Smirnov p = {found:.2g}); calibrate on patients like them"
            )
    return tuple(lines)


def two_sample(one: Sequence[float], other: Sequence[float], level: float) -> float | None:
    """P of the Kolmogorov-Smirnov test; None where no samples of these sizes reach ``level``."""
    if 2 / math.comb(len(one) + len(other), len(other)) > level:
        return None
    return float(stats.ks_2samp(one, other).pvalue)
