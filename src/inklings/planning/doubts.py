"""Where a rule is unsure, and what it might have said instead: what `--try` puts to the test.

Only what a short training can tell is doubted: no width, of which more is better the longer it is
learnt with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from inklings.planning.augmentation import mirrors
from inklings.planning.fingerprint import MICROSCOPY, CohortFingerprint
from inklings.planning.layout import LEAST, LOOSE, fixed_axes
from inklings.planning.sizes import grid, stride_of, view

_MIDDLING = (2.0, 5.0)  # times that planes lie farther apart: either view may be better
_STRIDES = {(6.0, 14.0): (1, 2), (36.0, 64.0): (2, 4)}  # by the size of small objects


@dataclass(frozen=True)
class Doubt:
    """One line of a plan that might be otherwise.

    Attributes:
        key: Of the line, as in `inklings.planning.plan.Choice`.
        name: What it might be, in a word.
        seen: The fingerprint from which the rules make the other plan.
    """

    key: str
    name: str
    seen: CohortFingerprint


def doubts(seen: CohortFingerprint) -> Iterator[Doubt]:
    """The lines that might be otherwise, the most doubtful first."""
    how, _ = view(seen)
    near = seen.volumes and seen.spacing is not None and seen.shape[0] > 1
    if near and _MIDDLING[0] <= seen.anisotropy < _MIDDLING[1]:
        other = "2.5d" if how == "3d" else "3d"
        why = f"planes lie {seen.anisotropy:.1f} times farther apart: either view may be better"
        yield Doubt("volumes.view", other, _with(seen, "view", other, why))
    yield from _mirrored(seen, "zyx" if how == "3d" else "yx")
    if how != "3d":
        yield from _strided(seen)


def _mirrored(seen: CohortFingerprint, names: str) -> Iterator[Doubt]:
    axes, _ = mirrors(seen, names)
    key, few = "sampling.augment[]", len(seen.looks) < LEAST
    if few and not axes and "x" not in seen.fixed and seen.modality not in MICROSCOPY:
        why = f"{len(seen.looks)} cases are too few to tell whether sides matter"
        yield Doubt(key, "mirrored along x", _with(seen, "mirrors", "x", why))
    loose = fixed_axes(seen.looks, seen.classes, LOOSE)
    unsure = "".join(name for name in axes if name in loose)
    if unsure:
        fixed = {name: f"{loose[name]} in most cases" for name in unsure}
        other = dataclasses.replace(seen, fixed={**seen.fixed, **fixed})
        yield Doubt(key, f"not mirrored along {unsure}", other)


def _strided(seen: CohortFingerprint) -> Iterator[Doubt]:
    scale, *_ = grid(seen)
    found = seen.diameters / scale
    if not len(found):
        return
    small, (stride, _) = float(np.quantile(found, 0.25)), stride_of(seen, scale)
    for (low, high), strides in _STRIDES.items():
        if low <= small < high and stride in strides and not (seen.volumes and 4 in strides):
            other = sum(strides) - stride
            why = f"a quarter of the objects are below {small:.0f} pixels wide: either may do"
            yield Doubt("model.stride", str(other), _with(seen, "stride", other, why))


def _with(seen: CohortFingerprint, rule: str, value: Any, why: str) -> CohortFingerprint:
    return dataclasses.replace(seen, instead={**seen.instead, rule: (value, why)})
