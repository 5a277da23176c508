"""Round objects of a case in millimetres: its balls, and its points as their image places them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inklings.cohorts.case import Case
from inklings.cohorts.opening import open_case
from inklings.errors import DataError, SpecError
from inklings.geometry import Geometry
from inklings.labels.kinds import NO_CLASS, BallLabel, PointLabel


def balls_of(case: Case, names: Sequence[str]) -> tuple[BallLabel, ...]:
    """The objects of these classes, in the order of the labels.

    A point is the middle of a ball, whose diameter in voxels counts as in cubic ones.

    Raises:
        DataError: If a point lies on an image that is no volume.
        GeometryError: If it lies on one whose spacing is not known.
    """
    mine = [k for k in case.labels if isinstance(k, BallLabel | PointLabel) and k.name in names]
    grids = {k.image: _grid(case, k.image) for k in mine if isinstance(k, PointLabel)}
    return tuple(k if isinstance(k, BallLabel) else _ball(k, grids[k.image]) for k in mine)


def _grid(case: Case, image: str) -> Geometry:
    with open_case(case, image) as there:
        geometry = there.geometry
    if len(geometry.shape) != 3:
        raise DataError(
            f"case {case.id}: expected points of a volume, got some of a picture of "
            f"{geometry.shape}; places in mm are those of volumes"
        )
    geometry.require_spacing()
    return geometry


def _ball(label: PointLabel, grid: Geometry) -> BallLabel:
    x, y, z = grid.to_points(label.point).tolist()
    mm = None if label.diameter is None else label.diameter * grid.cell_mm ** (1 / 3)
    return BallLabel(label.image, label.name, (x, y, z), mm)


def class_of(cases: Sequence[Case], where: Path) -> str:
    """The one class whose objects are marked by places.

    Raises:
        DataError: If nothing is marked.
        SpecError: If there are several.
    """
    names = {
        label.name
        for case in cases
        for label in case.labels
        if isinstance(label, BallLabel | PointLabel) and label.name not in NO_CLASS
    }
    if not names:
        raise DataError(f"expected balls or points among the labels of {where}, got none")
    if len(names) > 1:
        said = ", ".join(sorted(names))
        raise SpecError(f"{where}: expected one class of objects, got {said}; say which")
    return names.pop()
