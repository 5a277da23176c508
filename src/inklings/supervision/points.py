"""Supervision by a point in every object: grown as far as the image goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree
from skimage.measure import label

from inklings.cohorts.case import Case
from inklings.errors import LabelError, SpecError
from inklings.geometry import Geometry, Region
from inklings.labels.balls import POINT_DIAMETER
from inklings.labels.kinds import NO_CLASS, CaseLabel, PointLabel
from inklings.labels.marks import Annotation, code_of
from inklings.supervision.base import Target
from inklings.supervision.channels import OfClasses, as_target
from inklings.supervision.partial import Partial

_SMOOTH = 1.0
"""Width of the Gaussian that takes the noise away, in samples of the finest axis."""
_CLEAR = 3.0
"""Deviations of noise between object and ground below which the image says nothing."""
_TINY = 1e-9
_OBJECT, _GROUND = 0.4, 0.6
"""On the way from the colour at the point (0) to that of the ground around (1)."""


class Points(OfClasses):
    """One point in each object, and the assumption that every object of an image carries one.

    Choosing this supervision is stating that assumption. The image is divided among the points,
    each sample to the nearest. What is connected with a point in its cell, near to it, and closer
    to its colour than to that of the ground is the object. The ground is where cells meet, and
    what is farther than the reach from every point (Voronoi labels: Qu 2019), where it does not
    look like the object. Between them nothing is known. Points of volumes are one an object, not
    one a slice.

    Args:
        classes: Their names.
        cores: Not possible: how deep a sample lies is not known.
        reach: Farthest that an object goes from its point, in millimetres of volumes and pixels of
            pictures; None takes the median distance to the next point, for every image.
        fraction: How far an object is grown, as a share of the distance to the next point.
    """

    grows = True

    def __init__(
        self,
        classes: Sequence[str],
        cores: bool = False,
        reach: float | None = None,
        fraction: float = 0.5,
    ) -> None:
        super().__init__(classes)
        if cores:
            raise SpecError("supervision points: expected no cores, got some; a point has no depth")
        if reach is not None and not reach > 0:
            raise SpecError(f"supervision points: expected a reach above 0, got {reach}")
        if not 0 < fraction <= 1:
            raise SpecError(f"supervision points: expected a fraction in 0..1, got {fraction}")
        self.reach, self.fraction = reach, fraction

    def target(self, case: Case, geometry: Geometry, region: Region | None = None) -> Target:
        """The discs of the points alone, as far as labels without an image go.

        Raises:
            LabelError: If nothing is marked, or by something else than points.
        """
        _points(case)
        return Partial(self.classes).target(case, geometry, region)

    def seen(self, case: Case, geometry: Geometry, image: NDArray[Any]) -> Target:
        """``value`` ``(K, *S)`` and ``known`` ``(1 or K, *S)``, from an image ``(C, *S)`` too.

        Raises:
            LabelError: As `target`; and if points of two classes are in one sample, or there is one
                point alone and no reach.
        """
        self.target(case, geometry)  # refuses other images, classes and numbers of axes
        points = _points(case)
        cells = _Cells.of(case, points, geometry, self.reach)
        ground = cells.borders | cells.far
        ground &= ~cells.near
        way, clear = cells.way(image, ground)
        within = cells.away <= self.fraction * cells.gap[cells.owner]
        like = (clear & within & (way < _OBJECT)) | cells.near
        parts = label(np.where(like, cells.owner + 1, 0), connectivity=1)  # type: ignore[no-untyped-call]
        marked = np.isin(parts, np.unique(parts[cells.near]))
        objects = np.where(marked & like, cells.owner + 1, 0).astype(np.int32)
        codes = [0 if k.name in NO_CLASS else code_of(k.name, self.classes) for k in points]
        category = np.array([0, *codes], np.uint8)[objects]
        stated = np.where(clear, way > _GROUND, cells.far) & ground & (objects == 0)
        known = (category > 0) | stated
        annotation = Annotation(objects, category, known, exhaustive=False, separated=True)
        return as_target(case, annotation, known, self.classes, cores=False)

    def estimated_reach(self, case: Case, geometry: Geometry) -> float | None:
        """The median distance to the next point; None where the reach is stated."""
        if self.reach is not None:
            return None
        return _reach(_gaps(_points(case), _steps(geometry), case, None), None)


@dataclass(frozen=True)
class _Cells:
    """The image divided among its points.

    Attributes:
        owner: ``(*S)`` index of the nearest point.
        away: ``(*S)`` how far that is.
        gap: ``(n,)`` from each point to the next one.
        near: ``(*S)`` within the disc that a point stands for.
        far: ``(*S)`` farther than objects go.
        steps: Between samples, of each axis: millimetres of volumes, pixels of pictures.
    """

    owner: NDArray[np.intp]
    away: NDArray[np.float64]
    gap: NDArray[np.float64]
    near: NDArray[np.bool_]
    far: NDArray[np.bool_]
    steps: tuple[float, ...]

    @classmethod
    def of(
        cls, case: Case, points: Sequence[PointLabel], grid: Geometry, reach: float | None
    ) -> _Cells:
        steps = _steps(grid)
        gap = _gaps(points, steps, case, reach)
        samples = np.rint([point.point for point in points]).astype(np.intp)
        if (samples < 0).any() or (samples >= grid.shape).any():
            raise LabelError(
                f"case {case.id}: expected points within its image of {grid.shape}, got one "
                "outside; run 'inklings check'"
            )
        taken = np.full(grid.shape, -1, np.intp)
        taken[tuple(samples.T)] = np.arange(len(points))
        away, index = ndimage.distance_transform_edt(taken < 0, steps, return_indices=True)
        owner = taken[tuple(index)]
        stated = np.array([np.nan if k.diameter is None else k.diameter / 2 for k in points])
        stated *= float(np.prod(steps)) ** (1 / len(steps))
        disc = np.minimum(POINT_DIAMETER / 2 * min(steps), gap / 4)
        radius = np.where(np.isnan(stated), disc, stated)
        farthest = np.maximum(_reach(gap, reach), radius)
        near = (away <= radius[owner]) | (away == 0)
        return cls(owner, away, gap, near, away > farthest[owner], steps)

    @property
    def borders(self) -> NDArray[np.bool_]:
        """``(*S)``, both sides of where two cells meet."""
        met = np.zeros(self.owner.shape, np.bool_)
        for axis in range(met.ndim):
            owner, here = np.moveaxis(self.owner, axis, 0), np.moveaxis(met, axis, 0)
            other = owner[1:] != owner[:-1]
            here[1:] |= other
            here[:-1] |= other
        return met

    def way(
        self, image: NDArray[Any], ground: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """How far each sample is from the colour at its point, 0, to that of its ground, 1.

        Returns:
            That, ``(*S)``, and where the two colours differ by more than noise, ``(*S)``.
        """
        numbers, width = np.arange(len(self.gap)), _SMOOTH * min(self.steps) / np.array(self.steps)
        along, square = np.zeros(self.owner.shape), np.zeros(len(numbers))
        for channel in image:
            smooth = ndimage.gaussian_filter(channel.astype(np.float64), width)
            inner, outer = (
                ndimage.median(smooth, np.where(where, self.owner, -1), numbers)
                for where in (self.near, ground)
            )
            outer = np.where(np.isfinite(outer), outer, inner)
            about = ((inner, self.near), (outer, ground))
            noise = [np.abs(smooth - level[self.owner])[where] for level, where in about]
            scale = 1.4826 * float(np.median(np.concatenate(noise))) + _TINY
            difference = (outer - inner) / scale
            along += (smooth - inner[self.owner]) / scale * difference[self.owner]
            square += difference**2
        clear = square > _CLEAR**2
        return along / np.where(clear, square, 1.0)[self.owner], clear[self.owner]


def _points(case: Case) -> tuple[PointLabel, ...]:
    placed = [k for k in case.labels if not isinstance(k, CaseLabel)]
    points = tuple(k for k in placed if isinstance(k, PointLabel))
    if not points or len(points) < len(placed):
        others = sorted({type(k).__name__ for k in placed if not isinstance(k, PointLabel)})
        raise LabelError(
            f"case {case.id}: expected a point in every object for supervision 'points', got "
            f"{', '.join(others) or 'none'}; take supervision: auto"
        )
    return points


def _steps(grid: Geometry) -> tuple[float, ...]:
    """Between samples along each axis: millimetres of volumes, pixels of pictures."""
    return (1.0,) * 2 if len(grid.shape) == 2 else grid.require_spacing()


def _reach(gap: NDArray[np.float64], stated: float | None) -> float:
    return float(np.median(gap)) if stated is None else stated


def _gaps(
    points: Sequence[PointLabel], steps: tuple[float, ...], case: Case, reach: float | None
) -> NDArray[np.float64]:
    """``(n,)`` from each point to the next one that is elsewhere; of a lone point its reach."""
    places = np.array([point.point for point in points], float) * steps
    if len(places) > 1:
        gaps: NDArray[np.float64] = KDTree(places).query(places, 2)[0][:, 1]
        if not gaps.all():
            raise LabelError(
                f"case {case.id}: expected one point an object, got two in one place; remove one"
            )
        return gaps
    if reach is None:
        raise LabelError(
            f"case {case.id}: expected several points, whose distances say how far objects reach, "
            "got one; say it: supervision: {name: points, reach: 20}"
        )
    return np.array([reach])
