"""Rules by how large things are: planes or patches, grid, crop, network, batch."""

from __future__ import annotations

import math

import numpy as np

from inklings.planning.budget import Budget
from inklings.planning.fingerprint import CohortFingerprint
from inklings.planning.plan import Choice, Reasoned

WHOLE = 256
"""Side of planes that are seen whole."""

RARE = 0.5
"""Share of crops or planes that show an object below which they are drawn more often."""

ENOUGH_STEPS_3D = 1_000
_WIDTHS, _ENOUGH_STEPS = (64, 48, 32, 24, 16), 3_000
_FEWER_STEPS, _OFTEN = 1_500, 100
_BYTES = 4 * 2 * 14  # a sample and channel of the finest level, of all that is kept for gradients


def view(seen: CohortFingerprint) -> Reasoned[str]:
    """Planes, planes with neighbours or patches, by how far apart planes lie."""
    if "view" in seen.instead:
        return seen.instead["view"]
    if seen.spacing is None:
        return "2d", "nobody says how far apart planes lie"
    mm = " x ".join(f"{one:.3g}" for one in seen.spacing)
    if seen.shape[0] == 1:
        return "2d", "one plane each"
    if seen.anisotropy >= 3:
        return "2.5d", f"samples of {mm} mm: planes lie {seen.anisotropy:.1f} times farther apart"
    if seen.kind == "strokes":
        return "2.5d", f"samples of {mm} mm; strokes are drawn in planes"
    return "3d", f"samples of {mm} mm are alike on every axis"


def context(seen: CohortFingerprint) -> Reasoned[int]:
    """Neighbours on either side."""
    if seen.anisotropy >= 5:
        return 1, "farther planes show other anatomy"
    return 2, "two planes on either side still show the same organs"


def grid(seen: CohortFingerprint) -> tuple[float, *tuple[Choice, ...]]:
    """How much coarser planes become, and the lines that say so."""
    if seen.spacing is None:
        return (1.0,)
    side = max(seen.shape[1:])
    smallest = _smallest(seen)
    factor = min(max(1.0, side / WHOLE), max(1.0, smallest / 24))
    if factor < 1.25 and seen.spread < 1.25:
        return (1.0,)
    factor = factor if factor >= 1.25 else 1.0
    mm = [round(one * (factor if axis else 1.0), 2) for axis, one in enumerate(seen.spacing)]
    why = f"spacings differ {seen.spread:.1f} times between scans: their median"
    if factor > 1:
        why = f"{factor:.1f} times coarser in the plane: the smallest class is {smallest:.0f} wide"
    return factor, Choice("volumes.spacing_mm", _of_patient(mm, seen.orientation), why)


def _of_patient(mm: list[float], code: str) -> list[float]:
    """Millimetres of array axes ``(z, y, x)`` as those to head, back and left of the patient."""
    axis = {letter: mm[2 - place] for place, letter in enumerate(code)}
    if not set(code) <= set("LRPAIS"):
        return mm
    return [next(axis[k] for k in pair if k in axis) for pair in ("SI", "PA", "LR")]


def _smallest(seen: CohortFingerprint) -> float:
    """Median diameter of the class whose objects are smallest, in samples of the plane.

    0 where none was seen: then nothing may become coarser.
    """
    found = [seen.diameter(k) for k in range(len(seen.classes))]
    known = [one for one in found if not math.isnan(one)]
    return min(known) if known else 0.0


def foreground_planes(seen: CohortFingerprint) -> Reasoned[float | None]:
    """Share of the planes of an epoch that show an object."""
    if seen.kind == "strokes" or seen.drawn >= RARE:
        return None, f"{seen.drawn:.0%} of the planes show an object: all alike"
    return 0.6, f"only {seen.drawn:.0%} of the planes show an object"


def stride_of(seen: CohortFingerprint, scale: float) -> Reasoned[int]:
    """How much coarser the network is than the image, by the size of the objects."""
    if "stride" in seen.instead:
        return seen.instead["stride"]
    found = seen.diameters / scale
    if not len(found):
        return 1, "no object was seen"
    small = float(np.quantile(found, 0.25))
    middle = float(np.median(found))
    if not seen.volumes and small >= 48:
        return 4, f"objects are {middle:.0f} pixels wide, a quarter of them below {small:.0f}"
    if small >= 9:
        return 2, f"objects are {middle:.0f} pixels wide: half the grid costs 40 % of the whole"
    return 1, f"objects are {middle:.0f} pixels wide, a quarter of them below {small:.0f}"


def crop(seen: CohortFingerprint, scale: float, stride: int) -> Reasoned[int]:
    """Side of what a network sees at once."""
    sides = np.array([one.shape[-2:] for one in seen.looks]) / scale
    largest = float(np.quantile(sides.max(1), 0.75))
    if seen.volumes:
        if largest <= WHOLE * 1.1:
            typical = float(np.median(np.sqrt(sides.prod(1))))
            return _of_32(typical), "whole planes: where an organ lies is part of what it is"
        return WHOLE, f"planes have {largest:.0f} samples along a side"
    found = seen.diameters
    wide = float(np.quantile(found, 0.75)) if len(found) else 32.0
    side = int(np.clip(math.ceil(2 * wide / 32) * 32, 64 * stride, 128 * stride))
    if side >= largest:
        return _of_32(largest), "whole pictures"
    return side, f"three quarters of the objects are at most {wide:.0f} pixels wide"


def _of_32(side: float) -> int:
    return max(32, round(side / 32) * 32)


def width_of(budget: Budget, samples: int, stride: int, whole: float) -> Reasoned[int]:
    """Channels of the finest level: the most that leave enough steps.

    Args:
        budget: What the training may cost.
        samples: Of a batch.
        stride: Of the network.
        whole: Samples of all training images; of few ones fewer steps are enough.
    """
    for width in _WIDTHS:
        steps = budget.steps(samples, width, stride)
        often = steps >= _FEWER_STEPS and steps * samples >= _OFTEN * whole
        if steps >= _ENOUGH_STEPS or often or width == _WIDTHS[-1]:
            return width, f"about {about(steps)} steps of it fit into the minutes"
    raise AssertionError


def depth_of(side: int, stride: int) -> Reasoned[int]:
    """Levels: until a crop is about 8 pixels wide, at most four."""
    depth = int(np.clip(round(math.log2(side / stride / 8)), 2, 4))
    return depth, f"a crop is {side // (stride * 2**depth)} pixels wide at the coarsest level"


def fitting(batch: int, samples: int, width: int, budget: Budget) -> Reasoned[int]:
    """The batch, halved until it fits into the memory."""
    while batch > 1 and batch * samples * width * _BYTES > budget.memory:
        batch //= 2
    used = batch * samples * width * _BYTES / 2**30
    return batch, f"about {used:.1f} GB of {budget.memory / 2**30:.0f}"


def area(seen: CohortFingerprint, scale: float) -> float:
    """Samples of all training images."""
    each = float(np.mean([np.prod(one.shape) for one in seen.looks])) / scale**2
    return each * seen.cases


def grid_3d(seen: CohortFingerprint) -> tuple[float, Choice | None]:
    """How much coarser volumes become along every axis, and the line that says so."""
    assert seen.spacing is not None
    smallest = _smallest(seen)
    factor = min(max(1.0, max(seen.shape) / 192), max(1.0, smallest / 20))
    if factor < 1.25 and seen.spread < 1.25:
        return 1.0, None
    why = f"spacings differ {seen.spread:.1f} times between scans: their median"
    if factor >= 1.25:
        why = f"{factor:.1f} times coarser: the smallest class is {smallest:.0f} pixels wide"
    else:
        factor = 1.0
    mm = [round(one * factor, 2) for one in seen.spacing]
    return factor, Choice("volumes.spacing_mm", _of_patient(mm, seen.orientation), why)


def patch_of(shape: tuple[float, ...], most: float) -> Reasoned[list[int]]:
    """Sides in multiples of 8, as volumes have them, of at most so many voxels."""
    whole = [max(16, math.ceil(n / 8) * 8) for n in shape]
    if math.prod(whole) <= most:
        return whole, "whole volumes, rounded up to multiples of 8"
    shrink = (most / math.prod(shape)) ** (1 / 3)
    sides = [max(16, round(n * min(1.0, shrink) / 8) * 8) for n in shape]
    return sides, f"as volumes are shaped, {about(math.prod(sides))} voxels: enough steps fit"


def about(number: float) -> str:
    """Two digits, as an estimate deserves."""
    if number < 10:
        return f"{number:.2g}"
    digits = len(str(int(number))) - 2
    return f"{round(number, -digits):,.0f}"
