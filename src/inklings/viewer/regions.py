"""Shapes that were drawn: erased, joined, divided, copied, filled in between or by likeness.

Each gives new shapes, on the samples that `inklings.viewer.amended.stencil` says the old ones
cover. Pictures and slides have 2 axes, volumes 3.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.errors import LabelError
from inklings.geometry import Region
from inklings.labels.corrections import Shape
from inklings.viewer.amended import stencil

LONGEST = 4096
"""Samples of the longer side of what is changed on a slide; larger shapes get coarser samples."""
SMALL = 100
_MOST = 2**27


def erased(shape: Shape, eraser: Shape, sides: Sequence[int]) -> Shape | None:
    """``shape`` without what ``eraser`` covers: itself if they do not meet, None if all is gone."""
    frame, step = frame_of([shape], sides)
    before, gone = (raster(each, frame, step) for each in (shape, eraser))
    if not (before & gone).any():
        return shape
    left = before & ~gone
    return Shape.of_mask(left, frame.start, step, shape.axis) if left.any() else None


def joined(shapes: Sequence[Shape], sides: Sequence[int]) -> Shape:
    """What any of several shapes covers.

    Raises:
        LabelError: If they lie too far apart to be one.
    """
    frame, step = frame_of(shapes, sides)
    whole = np.zeros(frame.size, np.bool_)
    for shape in shapes:
        whole |= raster(shape, frame, step)
    return Shape.of_mask(whole, frame.start, step, shapes[0].axis)


def divided(shape: Shape, cut: Shape, sides: Sequence[int]) -> list[Shape]:
    """The pieces on the sides of a line; of a volume the line cuts through all planes.

    No sample is lost: those of the line, and islands that it does not divide, go to the nearest
    piece.

    Raises:
        LabelError: If the line does not divide it.
    """
    frame, step = frame_of([shape], sides)
    inside = raster(shape, frame, step)
    line = dataclasses.replace(cut, radii=(step / 2,) * max(1, len(cut.radii)))
    if len(sides) == 3 and line.plane is not None:
        flat = raster(line, _flat(frame, line.axis, line.plane), step).squeeze(line.axis)
        closed = np.expand_dims(_closed(flat), line.axis)
        through = np.broadcast_to(closed, frame.size)
    else:
        through = _closed(raster(line, frame, step))
    touching = np.ones((3,) * inside.ndim)
    wholes, _ = ndimage.label(inside, touching)
    pieces, count = ndimage.label(inside & ~through, touching)
    of = np.zeros(count + 1, int)
    of[pieces[pieces > 0]] = wholes[pieces > 0]
    numbers = np.flatnonzero((np.bincount(of) > 1)[of] & (of > 0))
    if not len(numbers):
        raise LabelError("expected a line right across what was drawn; this line divides nothing")
    divides = np.isin(pieces, numbers)
    _, nearest = ndimage.distance_transform_edt(~divides, return_indices=True)
    own = np.where(inside, pieces[tuple(nearest)], 0)
    return [Shape.of_mask(own == k, frame.start, step, shape.axis) for k in numbers]


def _closed(line: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A line of a plane with corners where it goes askew, so that no samples touch through it."""
    out = line.copy()
    if line.ndim == 2:
        out[1:, :-1] |= line[:-1, :-1] & line[1:, 1:]
        out[1:, 1:] |= line[:-1, 1:] & line[1:, :-1]
    return out


def copied(shape: Shape, by: int, sides: Sequence[int]) -> Shape:
    """The same shape ``by`` planes further.

    Raises:
        LabelError: If it lies in more than one plane, or there is no such plane.
    """
    axis, plane = plane_of(shape)
    if not 0 <= plane + by < sides[axis]:
        raise LabelError(f"expected a plane from 0 to {sides[axis] - 1}, got {plane + by}")
    if shape.kind != "mask":
        return dataclasses.replace(shape, plane=plane + by)
    first = list(shape.points[0])
    first[axis] += by
    return dataclasses.replace(shape, points=(tuple(first),))


def plane_of(shape: Shape) -> tuple[int, int]:
    """The axis and number of the one plane of a volume that a shape lies in.

    Raises:
        LabelError: If there is none.
    """
    if shape.plane is not None:
        return shape.axis, shape.plane
    if shape.kind == "mask" and len(shape.size) == 3 and 1 in shape.size:
        axis = shape.axis if shape.size[shape.axis] == 1 else shape.size.index(1)
        return axis, round(shape.points[0][axis])
    raise LabelError("expected something that was drawn on one plane of a volume")


def between(
    drawn: Sequence[Shape], sides: Sequence[int], spacing: Sequence[float] | None
) -> tuple[Shape, tuple[int, ...]]:
    """The planes between those that were drawn, by their signed distances (Raya and Udupa 1990).

    Each shape is followed to the next plane where something drawn lies over it, so that several
    objects stay apart.

    Args:
        drawn: Shapes of one plane each, all along one axis.
        sides: Of the volume.
        spacing: mm, or None for samples.

    Returns:
        A mask of planes that have nothing drawn, and which of ``drawn`` it leads from and to.

    Raises:
        LabelError: If no two of them have planes between them and lie over each other.
    """
    axis = plane_of(drawn[0])[0]
    frame, _ = frame_of(drawn, sides)
    mm = [v for k, v in enumerate(spacing or (1.0,) * 3) if k != axis]
    flats = [raster(s, _flat(frame, axis, plane_of(s)[1])).squeeze(axis) for s in drawn]
    planes = [plane_of(shape)[1] for shape in drawn]
    out = np.zeros(frame.size, np.bool_)
    planewise, used = np.moveaxis(out, axis, 0), set[int]()
    for k, (plane, flat) in enumerate(zip(planes, flats, strict=True)):
        over = [j for j, p in enumerate(planes) if p > plane and (flats[j] & flat).any()]
        end = min((planes[j] for j in over), default=plane)
        if end - plane < 2:
            continue
        ends = [j for j in over if planes[j] == end]
        used |= {k, *ends}
        low, high = (_signed(f, mm) for f in (flat, np.any([flats[j] for j in ends], axis=0)))
        for at in range(plane + 1, end):
            share = (at - plane) / (end - plane)
            planewise[at - frame.start[axis]] |= (1 - share) * low + share * high > 0
    if not out.any():
        raise LabelError(
            "expected outlines of the class that lie over each other, with planes between them"
        )
    return Shape.of_mask(out, frame.start, axis=axis), tuple(sorted(used))


def alike(values: NDArray[Any], seed: tuple[int, ...], tolerance: float) -> NDArray[np.bool_]:
    """What hangs together with ``seed`` and differs by ``tolerance`` at most.

    Holes of up to a hundredth of it are filled: they are noise.

    Args:
        values: ``(h, w, channels)``; the mean of 3 x 3 around the seed is compared with.
        seed: Row and column.
        tolerance: Largest difference in any channel.
    """
    y, x = seed
    numbers = values.astype(np.float32)
    like = numbers[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].mean((0, 1))
    near = np.abs(numbers - like).max(-1) <= tolerance
    near[y, x] = True
    pieces, _ = ndimage.label(near)
    found: NDArray[np.bool_] = pieces == pieces[y, x]
    holes, _ = ndimage.label(ndimage.binary_fill_holes(found) & ~found)
    small = np.bincount(holes.ravel()) * SMALL <= found.sum()
    filled: NDArray[np.bool_] = found | (small[holes] & (holes > 0))
    return filled


def raster(shape: Shape, frame: Region, step: float = 1.0) -> NDArray[np.bool_]:
    """Which samples of ``frame`` a shape covers; ``frame`` counts samples ``step`` wide."""
    start = np.asarray(frame.start, float) * step
    if shape.plane is None or len(start) == 2:
        moved = dataclasses.replace(shape, points=_moved(shape, start))
        return stencil(moved, frame.size, step)
    if not 0 <= shape.plane - frame.start[shape.axis] < frame.size[shape.axis]:
        return np.zeros(frame.size, np.bool_)
    moved = dataclasses.replace(
        shape,
        points=_moved(shape, np.delete(start, shape.axis)),
        plane=shape.plane - frame.start[shape.axis],
    )
    return stencil(moved, frame.size, step)


def box(shapes: Sequence[Shape], sides: Sequence[int]) -> tuple[list[float], list[float]]:
    """First and last coordinates of several shapes, an axis each, within the image.

    Raises:
        LabelError: If one has another number of axes than the image.
    """
    lows, highs = zip(*(ends for shape in shapes for ends in _ends(shape)), strict=True)
    if wrong := {len(low) for low in lows} - {len(sides)}:
        raise LabelError(f"expected regions of {len(sides)} axes, got one of {min(wrong)}")
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    top = np.asarray(sides) - 1
    return np.clip(low, 0, top).tolist(), np.clip(high, 0, top).tolist()


def frame_of(shapes: Sequence[Shape], sides: Sequence[int]) -> tuple[Region, float]:
    """A box around shapes, in samples of the step that is given with it."""
    low, high = box(shapes, sides)
    step = 1.0
    if len(sides) == 2:
        own = [2 * max(shape.radii) for shape in shapes if shape.kind == "mask"]
        longest = max(b - a for a, b in zip(low, high, strict=True)) + 1
        step = max(1.0, *own, float(math.ceil(longest / LONGEST)))
    start = tuple(math.floor((v + 0.5) / step) for v in low)
    size = tuple(
        math.floor((math.ceil(v) + 0.5) / step) - a + 1 for v, a in zip(high, start, strict=True)
    )
    if math.prod(size) > _MOST:
        raise LabelError("expected regions that lie closer together, or smaller ones")
    return Region(start, size), step


def _ends(shape: Shape) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    points = np.asarray(shape.points, float)
    reach = np.resize(np.asarray(shape.radii or (0.0,), float), points.shape[1])
    low, high = points.min(0) - reach, points.max(0) + reach
    if shape.kind == "mask":
        low, high = points[0], points[0] + 2 * reach * (np.asarray(shape.size) - 1)
    if shape.plane is not None:
        low, high = (np.insert(ends, shape.axis, shape.plane) for ends in (low, high))
    yield low, high


def _flat(frame: Region, axis: int, plane: int) -> Region:
    """One plane of a box."""
    start, size = list(frame.start), list(frame.size)
    start[axis], size[axis] = plane, 1
    return Region(tuple(start), tuple(size))


def _moved(shape: Shape, start: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, (np.asarray(shape.points, float) - start).tolist()))


def _signed(inside: NDArray[np.bool_], mm: Sequence[float]) -> NDArray[np.float64]:
    """Distance from the border in mm, above 0 within; what lies around counts as outside."""
    framed = np.pad(inside, 1)
    within, without = (
        ndimage.distance_transform_edt(each, sampling=mm) for each in (framed, ~framed)
    )
    signed: NDArray[np.float64] = (within - without)[1:-1, 1:-1]
    return signed
