"""Images of one case: on one grid, or on grids that can be brought to that of the first."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inklings.cohorts.label_checks import difference
from inklings.datasets.findings import ImportFinding
from inklings.geometry import Geometry


def uncommon(case: str, grids: Mapping[str, Geometry]) -> list[ImportFinding]:
    """What is to be known, or forbids to use them together, where grids differ from the first."""
    found: list[ImportFinding] = []
    first = next(iter(grids))
    for name, grid in grids.items():
        off = difference(grids[first], grid)
        if not off:
            continue
        reason = _apart(grids[first], grid)
        kind = "no common grid" if reason else "grids differ"
        detail = f"{name} lies on another grid than {first}: {off}"
        found.append(ImportFinding(case, kind, f"{detail} ({reason})" if reason else detail))
    return found


def _apart(first: Geometry, other: Geometry) -> str:
    """Why one cannot be resampled onto the other; empty where it can."""
    if len(first.shape) != len(other.shape):
        return f"{len(other.shape)} axes instead of {len(first.shape)}"
    if first.spacing is None or other.spacing is None:
        return "without a spacing nothing says how they lie on each other"
    corners = np.array([[0] * len(first.shape), [n - 1 for n in first.shape]], float)
    if len(first.shape) == 3:
        ends = np.array(np.meshgrid(*corners.T)).reshape(3, -1).T
        inside = other.to_indices(first.to_points(ends))
        if (inside.max(0) < 0).any() or (inside.min(0) > np.array(other.shape) - 1).any():
            return "they do not overlap"
    return ""
