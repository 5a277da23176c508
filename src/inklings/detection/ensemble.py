"""Several detectors as one: the mean score of what they find at one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from inklings.detection.candidates import Candidate, Detected


def averaged(every: Sequence[Detected]) -> Detected:
    """What several detectors say of one volume.

    The surest candidate first takes the nearest one of each other detector within its radius;
    place and diameter are its own, the score is the mean over all detectors, 0 of those that
    found nothing there. What was flagged is the mean, what was left out is of all.

    Args:
        every: Of each detector.
    """
    if len(every) == 1:
        return every[0]
    left = [list(one.candidates) for one in every]
    found: list[Candidate] = []
    while any(left):
        first = max((one for some in left for one in some), key=lambda one: one.score)
        scores = [_taken(some, first) for some in left]
        found.append(replace(first, score=sum(scores) / len(every)))
    found.sort(key=lambda one: -one.score)
    flagged = round(sum(one.flagged for one in every) / len(every))
    return Detected(tuple(found), flagged, tuple(heat for one in every for heat in one.outside))


def _taken(some: list[Candidate], first: Candidate) -> float:
    """The score of the nearest candidate within the radius of ``first``, taken out; 0 if none."""
    if first in some:
        near = first
    else:
        away = [float(np.linalg.norm(np.subtract(c.point_mm, first.point_mm))) for c in some]
        if not away or min(away) > first.diameter_mm / 2:
            return 0.0
        near = some[int(np.argmin(away))]
    some.remove(near)
    return near.score
