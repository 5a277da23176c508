"""One look at one training case: its grid, its intensities, and what its labels show."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.cohorts.case import Case
from inklings.cohorts.rasterise import annotate
from inklings.cohorts.stacked import stacked_case
from inklings.labels.kinds import CaseLabel
from inklings.orientation import turn_to
from inklings.supervision.boxes import boxed

SIDES = (32, 48, 64, 96, 128, 160, 192, 256, 384)
"""Sides of crops of which it is counted how many show something."""

_INTENSITIES = 2_000
_OBJECTS = 400
_AIR = -900


@dataclass(frozen=True)
class CaseLook:
    """What is kept of one case; axes are those in which it is learnt, ``(y, x)`` or ``(z, y, x)``.

    Attributes:
        shape: Samples along each axis.
        spacing: Millimetres along each; None where nobody says.
        channels: Of all its images together.
        low: Its smallest sample.
        inside: ``(n,)`` samples of objects, mean of the channels.
        outside: ``(n,)`` others of which it is known that they are none.
        known: Share of the samples that labels speak of, in planes that they speak of at all.
        planes: Share of the planes that labels speak of.
        drawn: Share of those planes that show an object.
        shares: ``(K,)`` share of the known samples that is of each class.
        diameters: Of each class, ``(n,)`` diameters in samples of discs as large as its objects,
            in the plane.
        pieces: ``(K,)`` connected parts of each class.
        touching: Share of the objects that touch another; 0 where labels do not part them.
        centres: ``(K, D)`` middle of each class from the middle of the image; NaN where absent.
        extents: ``(K, D)`` standard deviation of its samples about that.
        hits: Share of the crops of each of `SIDES` that show an object.
        separated: Whether objects have numbers of their own.
        boxed: Share of the marked samples in objects that are boxes, or rectangles plane by plane.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...] | None
    channels: int
    low: float
    inside: NDArray[np.float64]
    outside: NDArray[np.float64]
    known: float
    planes: float
    drawn: float
    shares: NDArray[np.float64]
    diameters: tuple[NDArray[np.float64], ...]
    pieces: NDArray[np.int64]
    touching: float
    centres: NDArray[np.float64]
    extents: NDArray[np.float64]
    hits: tuple[float, ...]
    separated: bool
    boxed: float


def look(case: Case, classes: Sequence[str], code: str) -> CaseLook:
    """Read a case once.

    Args:
        case: One with labels that are drawn.
        classes: Of the cohort.
        code: Orientation in which volumes are learnt (`inklings.orientation`).

    Raises:
        DataError: If a file cannot be read.
        LabelError: If a label does not fit.
    """
    read = stacked_case(case)
    name = next(k.image for k in case.labels if not isinstance(k, CaseLabel))
    drawn = annotate(case, name, read.geometry, classes)
    turn = turn_to(read.geometry, code) if len(read.geometry.shape) == 3 else None
    grid = turn.grid(read.geometry) if turn else read.geometry
    samples = turn.view(read.samples) if turn else read.samples
    codes = turn.view(drawn.category) if turn else drawn.category
    known = turn.view(drawn.known) if turn else drawn.known
    objects = turn.view(drawn.objects) if turn else drawn.objects
    inside, outside = _intensities(samples, codes, known)
    flat = known.ndim == 2
    told, shown = _planes(known), _planes(codes > 0)
    centres, extents = _places(codes, len(classes))
    count = max(int(known.sum()), 1)
    speaks = known if flat else known[told]
    return CaseLook(
        shape=grid.shape,
        spacing=grid.spacing,
        channels=len(samples),
        low=float(samples.min()),
        inside=inside,
        outside=outside,
        known=float(speaks.mean()) if speaks.size else 0.0,
        planes=float(told.mean()),
        drawn=float(shown[told].mean()) if told.any() else 0.0,
        shares=np.array([(codes == k + 1).sum() / count for k in range(len(classes))]),
        diameters=tuple(
            _diameters(np.where(codes == k + 1, objects, 0)) for k in range(len(classes))
        ),
        pieces=np.array([_pieces(codes == k + 1) for k in range(len(classes))]),
        touching=_touching(objects) if drawn.separated else 0.0,
        centres=centres,
        extents=extents,
        hits=tuple(_hits(codes > 0, side) for side in SIDES),
        separated=drawn.separated,
        boxed=boxed(np.ascontiguousarray(objects)),
    )


def is_hounsfield(low: float, stated: bool) -> tuple[bool, str]:
    """Whether samples are Hounsfield units, and whence that is known.

    Args:
        low: The smallest of them.
        stated: Whether the cohort says that they are of CT. That of exported pictures, or with an
            offset that nobody undid, has no sample below that of water, which every body has.
    """
    if low <= _AIR:
        return True, f"samples go down to {low:.0f}, as air does in Hounsfield units"
    if stated and low < 0:
        return True, "as stated in the cohort"
    if stated:
        return False, f"the cohort says CT, but no sample is below {low:.0f}"
    return False, "no Hounsfield units"


def _planes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which planes ``(D,)`` hold some of a mask; a picture is one plane."""
    rows = mask.reshape(-1, mask.shape[-2] * mask.shape[-1])
    some: NDArray[np.bool_] = np.logical_or.reduce(rows, axis=1)
    return some


def _intensities(
    samples: NDArray[Any], codes: NDArray[np.uint8], known: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Evenly spread samples inside and outside of objects, mean of the channels."""

    def some(where: NDArray[np.bool_]) -> NDArray[np.float64]:
        places = np.flatnonzero(where)[:: max(1, int(where.sum()) // _INTENSITIES)]
        flat = samples.reshape(len(samples), -1)
        found: NDArray[np.float64] = flat[:, places].mean(0, dtype=np.float64)
        return found

    return some(codes > 0), some(known & (codes == 0))


def _places(
    codes: NDArray[np.uint8], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle and spread ``(K, D)`` of each class, in samples from the middle of the image."""
    middle = (np.array(codes.shape) - 1) / 2
    centres = np.full((count, codes.ndim), np.nan)
    extents = np.full((count, codes.ndim), np.nan)
    for k in range(count):
        places = np.argwhere(codes == k + 1)
        if len(places):
            centres[k], extents[k] = places.mean(0) - middle, places.std(0)
    return centres, extents


def _diameters(objects: NDArray[np.int32]) -> NDArray[np.float64]:
    """Diameters of discs as large as the objects, in the plane; of volumes in some planes."""
    planes = objects[None] if objects.ndim == 2 else objects[:: max(1, len(objects) // 8)]
    areas: list[NDArray[np.int64]] = []
    for plane in planes:
        counts = np.bincount(plane.ravel())[1:]
        areas.append(counts[counts > 0])
    found = np.concatenate(areas)[:_OBJECTS] if areas else np.zeros(0)
    diameters: NDArray[np.float64] = 2 * np.sqrt(found / np.pi)
    return diameters


def _pieces(mask: NDArray[np.bool_]) -> int:
    return int(ndimage.label(mask, np.ones((3,) * mask.ndim))[1]) if mask.any() else 0


def _touching(objects: NDArray[np.int32]) -> float:
    """Share of the objects with a neighbour of another number beside them."""
    touched: set[int] = set()
    for axis in range(objects.ndim):
        first = np.moveaxis(objects, axis, 0)
        a, b = first[:-1], first[1:]
        meet = (a > 0) & (b > 0) & (a != b)
        touched.update(np.unique(a[meet]).tolist(), np.unique(b[meet]).tolist())
    count = len(np.unique(objects)) - bool((objects == 0).any())
    return len(touched) / count if count else 0.0


def _hits(mask: NDArray[np.bool_], side: int) -> float:
    """Share of the crops of ``side`` (of what there is, where that is less) with any object."""
    sums = np.pad(mask.astype(np.int64), [(1, 0)] * mask.ndim)
    for axis in range(mask.ndim):
        sums = sums.cumsum(axis)
    spans = [min(side, n) for n in mask.shape]
    total = np.zeros([n - span + 1 for n, span in zip(mask.shape, spans, strict=True)], np.int64)
    for corner in itertools.product((0, 1), repeat=mask.ndim):
        sign = -1 if (mask.ndim - sum(corner)) % 2 else 1
        where = tuple(
            slice(c * span, c * span + n)
            for c, span, n in zip(corner, spans, total.shape, strict=True)
        )
        total += sign * sums[where]
    return float((total > 0).mean())
