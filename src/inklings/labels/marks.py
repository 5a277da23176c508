"""Points, boxes and outlines drawn on a grid: the stronger kind on top, and the smaller of a kind.

Two names mean no class: what is `IRRELEVANT` is not known, whatever else was drawn there; where
something is outlined as `EXAMINED`, nothing is known outside of it but what was drawn.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from inklings.errors import LabelError
from inklings.labels.balls import POINT_DIAMETER, Oval
from inklings.labels.fill import Ring, area, filled, inside
from inklings.labels.kinds import (
    EXAMINED,
    IRRELEVANT,
    NO_CLASS,
    BoxLabel,
    Label,
    PointLabel,
    PolygonLabel,
)

BoxRule = Literal["filled", "ellipse"]
Window = tuple[slice, ...]
_SMALL, _TOGETHER = 2**14, 2**22
"""Samples around an outline that is drawn together with others, and around all of those."""


@dataclass(frozen=True)
class Annotation:
    """All that is known of one image, as arrays.

    Attributes:
        numbers: `objects`, or what makes them; few ask for them, and to tell components apart
            takes longer than to read a mask.
        category: ``(*S)`` uint8 index of the class plus one, 0 is background.
        known: ``(*S)``, True where an annotator said something, also that nothing is there.
        exhaustive: Whether every object is claimed to be marked.
        separated: Whether touching objects have numbers of their own; where not, ``objects``
            are connected components.
    """

    numbers: NDArray[np.int32] | Callable[[], NDArray[np.int32]]
    category: NDArray[np.uint8]
    known: NDArray[np.bool_]
    exhaustive: bool
    separated: bool

    @functools.cached_property
    def objects(self) -> NDArray[np.int32]:
        """``(*S)`` number of the object, 0 where there is none."""
        return self.numbers() if callable(self.numbers) else self.numbers


@dataclass(frozen=True, slots=True)
class Patch:
    """An outline on a grid.

    Attributes:
        name: The class.
        polygons: Of one object, each its rings ``(N, 2)`` of ``(y, x)``: the outer one, and what is
            cut out.
        extent: Samples that the outer rings cover.
    """

    name: str
    polygons: tuple[tuple[Ring, ...], ...]
    extent: float

    @classmethod
    def of(cls, label: PolygonLabel, factor: Any = None, start: Any = 0.0) -> Self:
        """A polygon, on a grid that is ``factor`` coarser and begins at its sample ``start``."""
        polygons = tuple(
            tuple(np.asarray(ring, float).reshape(-1, 2) for ring in rings)
            for rings in label.polygons
        )
        if factor is not None:
            polygons = tuple(
                tuple((ring + 0.5) / factor - 0.5 - start for ring in rings) for rings in polygons
            )
        return cls(label.name, polygons, sum(area(rings[0]) for rings in polygons))


Mark = Label | Oval | Patch
_STRENGTH: tuple[type[Mark], ...] = (Oval, PointLabel, BoxLabel, Patch)


@dataclass(frozen=True)
class Claims:
    """What all marks of an image together say of samples that none of them covers.

    Attributes:
        exhaustive: That nothing is there, as those say who outline or box what they look for.
        limited: That only the inside of `EXAMINED` outlines was looked at.
    """

    exhaustive: bool
    limited: bool

    @classmethod
    def of(cls, labels: Sequence[Mark]) -> Self:
        """By the kinds and names of the marks."""
        drawn = any(isinstance(label, BoxLabel | PolygonLabel | Patch) for label in labels)
        return cls(drawn, any(getattr(label, "name", "") == EXAMINED for label in labels))


def draw_marks(
    labels: Sequence[Mark],
    shape: tuple[int, ...],
    classes: Sequence[str],
    boxes: BoxRule,
    claims: Claims | None = None,
) -> Annotation:
    """Marks on a grid, each an object; large ones first, so that small ones show.

    Args:
        labels: What was marked, in samples of the grid.
        shape: Of the grid.
        classes: Names in the order of the codes of ``category``.
        boxes: As for `inklings.cohorts.rasterise.annotate`.
        claims: What the marks say of the rest, where these are only some of them.

    Raises:
        LabelError: If a mark does not fit the grid or the classes.
    """
    claims = claims or Claims.of(labels)
    marks = [Patch.of(k) if isinstance(k, PolygonLabel) else k for k in labels]
    named = sorted((k for k in marks if _name(k) not in NO_CLASS), key=_order)
    codes = np.array([0, *(code_of(_name(mark), classes) for mark in named)], np.uint8)
    objects = np.zeros(shape, np.int32)
    boxed = np.zeros(shape, np.bool_)
    _draw(objects, named, boxes, boxed)
    doubted = _covered([k for k in marks if _name(k) == IRRELEVANT], shape)
    objects[doubted] = 0
    category = codes[objects]
    known = category > 0
    if claims.limited:
        known |= _covered([k for k in marks if _name(k) == EXAMINED], shape) & ~boxed
    elif claims.exhaustive:
        known |= ~boxed
    return Annotation(objects, category, known & ~doubted, claims.exhaustive, separated=True)


def _draw(
    objects: NDArray[np.int32],
    marks: Sequence[Mark],
    boxes: BoxRule = "filled",
    boxed: NDArray[np.bool_] | None = None,
) -> None:
    """Write the numbers of marks, from 1 up in their order; notes where there is a box."""
    outlines = [mark for mark in marks if isinstance(mark, Patch)]
    others = [mark for mark in marks if not isinstance(mark, Patch)]
    for number, label in enumerate(others, 1):
        where, covered = _stencil(label, objects.shape)
        if isinstance(label, BoxLabel) and boxed is not None:
            boxed[where] = True
            covered = _ellipse(label, where) if boxes == "ellipse" else covered
        objects[where][covered] = number
    _paint(objects, outlines, len(others) + 1)


def _covered(marks: Sequence[Mark], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    if not marks:
        return np.zeros(shape, np.bool_)
    numbers = np.zeros(shape, np.int32)
    _draw(numbers, sorted(marks, key=_order))
    return numbers > 0


def _paint(objects: NDArray[np.int32], outlines: Sequence[Patch], first: int) -> None:
    """Write the numbers of outlines, from ``first`` up; a later one lies over an earlier one."""
    for number, run in _runs(outlines, objects.shape):
        size = (objects.shape[0], objects.shape[1])
        if len(run) == 1:
            where, covered = _window_of(run[0], size)
            objects[where][covered] = first + number
            continue
        every = [(k, rings) for k, patch in enumerate(run) for rings in patch.polygons]
        owner, place = inside([rings[0] for _, rings in every], size)
        holes = [(k, hole) for k, (_, rings) in enumerate(every) for hole in rings[1:]]
        if holes:
            hole, cut = inside([ring for _, ring in holes], size)
            taken = np.array([k for k, _ in holes])[hole] * objects.size + cut
            kept = ~np.isin(owner * objects.size + place, taken)
            owner, place = owner[kept], place[kept]
        owner = np.array([k for k, _ in every])[owner]
        np.maximum.at(objects.reshape(-1), place, (owner + first + number).astype(np.int32))


def _runs(
    outlines: Sequence[Patch], shape: tuple[int, ...]
) -> Iterator[tuple[int, Sequence[Patch]]]:
    """Small neighbours in the order of drawing together, large ones alone."""
    start, around = 0, 0
    for number, patch in enumerate(outlines):
        where = _bounds(patch, shape)
        samples = int(np.prod(_size(where)))
        if samples > _SMALL or around + samples > _TOGETHER:
            if number > start:
                yield start, outlines[start:number]
            start, around = number, 0
            if samples > _SMALL:
                yield number, (patch,)
                start = number + 1
                continue
        around += samples
    if len(outlines) > start:
        yield start, outlines[start:]


def _window_of(patch: Patch, size: tuple[int, int]) -> tuple[Window, NDArray[np.bool_]]:
    where = _bounds(patch, size)
    corner = np.array([side.start for side in where])
    box = (where[0].stop - where[0].start, where[1].stop - where[1].start)
    covered = np.zeros(box, np.bool_)
    for outer, *holes in patch.polygons:
        part = filled(outer - corner, box)
        for hole in holes:
            part &= ~filled(hole - corner, box)
        covered |= part
    return where, covered


def _bounds(patch: Patch, shape: tuple[int, ...]) -> Window:
    ring = np.concatenate([rings[0] for rings in patch.polygons])
    if not len(ring):
        return (slice(0, 0),) * len(shape)
    return _window(ring.min(0), ring.max(0) + 1, shape, "polygon")


def _name(mark: Mark) -> str:
    return str(getattr(mark, "name", ""))


def _order(mark: Mark) -> tuple[int, float]:
    extent = 0.0
    if isinstance(mark, Oval):
        extent = float(np.prod(mark.radii))
    if isinstance(mark, BoxLabel):
        extent = float(np.prod(np.subtract(mark.stop, mark.start)))
    if isinstance(mark, Patch):
        extent = mark.extent
    return _STRENGTH.index(type(mark)), -extent


def _stencil(label: Mark, shape: tuple[int, ...]) -> tuple[Window, NDArray[np.bool_]]:
    """A window of the grid and where in it the mark lies."""
    if isinstance(label, BoxLabel):
        low, high = np.asarray(label.start, float) - 0.5, np.asarray(label.stop, float) - 0.5
        where = _window(low, high, shape, "box")
        return where, np.ones(_size(where), np.bool_)
    if isinstance(label, Oval):
        point, radii = np.asarray(label.point), np.asarray(label.radii)
        where = _window(point - radii, point + radii + 1, shape, "ball")
        if label.steps is not None:
            return where, label.holds(where)
        return where, _squares(where, point, radii) <= 1
    if isinstance(label, PointLabel):
        radius = (label.diameter or POINT_DIAMETER) / 2
        point = np.asarray(label.point, float)
        where = _window(point - radius, point + radius + 1, shape, "point")
        return where, _squares(where, point, [radius] * len(point)) <= 1
    raise LabelError(f"cannot draw a {type(label).__name__}")


def _window(low: Any, high: Any, shape: tuple[int, ...], what: str) -> Window:
    """Samples whose centres lie in ``low <= i < high``, cut to the grid."""
    if len(low) != len(shape):
        raise LabelError(
            f"expected a {what} of {len(shape)} coordinates for an image of shape {shape}, "
            f"got {len(low)}"
        )
    starts = [int(np.clip(np.ceil(a), 0, n)) for a, n in zip(low, shape, strict=True)]
    stops = [int(np.clip(np.ceil(b), 0, n)) for b, n in zip(high, shape, strict=True)]
    return tuple(slice(a, max(a, b)) for a, b in zip(starts, stops, strict=True))


def _ellipse(box: BoxLabel, where: Window) -> NDArray[np.bool_]:
    """Inside the ellipse of half the box's size about its centre; never empty."""
    low, high = np.asarray(box.start, float), np.asarray(box.stop, float)
    centre = (low + high - 1) / 2
    return _squares(where, centre, np.maximum((high - low) / 4, 0.75)) <= 1


def _squares(where: Window, centre: Any, radii: Any) -> NDArray[np.float64]:
    """Squared distance to ``centre`` in units of ``radii``, on the samples of a window."""
    axes = [
        ((np.arange(s.start, s.stop) - c) / r) ** 2
        for s, c, r in zip(where, centre, radii, strict=True)
    ]
    total: NDArray[np.float64] = np.zeros(_size(where))
    for axis in np.meshgrid(*axes, indexing="ij", sparse=True):
        total = total + axis
    return total


def _size(where: Window) -> tuple[int, ...]:
    return tuple(s.stop - s.start for s in where)


def code_of(name: str, classes: Sequence[str]) -> int:
    """Index of a class plus one.

    Raises:
        LabelError: If there is no such class.
    """
    if name not in classes:
        raise LabelError(f"expected one of the classes {', '.join(classes)}, got {name!r}")
    return list(classes).index(name) + 1
