"""The grid that the planes of a series lie on, or the reason why they lie on none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.geometry import Geometry
from inklings.readers.dicom_headers import Plane
from inklings.readers.notes import Note

IRREGULAR = 0.05
"""Share of the distance between slices by which single distances may differ from it."""
SAME_SPACING = 1e-3
"""Share by which distances between pixels may differ within a series."""
_STRAIGHT_MM = 0.01
_NOISE = 1e-4
_UPRIGHT = 5e-4  # 0.03 degrees: what noise of the axes makes of a gantry that was not tilted


@dataclass(frozen=True)
class Layout:
    """Planes in order, the grid they lie on, and what should be known of it."""

    planes: tuple[Plane, ...]
    geometry: Geometry
    notes: tuple[Note, ...]


def laid_out(planes: Sequence[Plane], name: str) -> Layout:
    """Order planes by their position along the normal and measure the grid.

    Where the positions drift aside (a tilted gantry), the third axis of the grid is the way from
    plane to plane and not the normal, so that points stay exact.

    Args:
        planes: Of one orientation and size.
        name: Of the series, for messages.

    Raises:
        ReaderError: If slices are missing or lie at uneven distances.
    """
    _require_one_kind(planes, name)
    if any(p.position is None or p.orientation is None or p.spacing is None for p in planes):
        return _without_places(planes)
    (across, down), noise = _axes(planes)
    normal = np.cross(across, down)
    positions = np.array([plane.position for plane in planes], float)
    along = positions @ normal
    numbers = np.array([(plane.instance, plane.frame) for plane in planes])
    order = np.lexsort((numbers[:, 1], numbers[:, 0], np.round(along, 3)))
    kept, notes = _without_doubles(order, along, planes, name)
    step, remarks = _step(positions[kept], normal, [planes[i] for i in kept], name)
    length = float(np.linalg.norm(step))
    shape = (len(kept), planes[0].coding.rows, planes[0].coding.columns)
    notes += _overruled(planes[0], step, float(step @ normal))
    y_mm, x_mm = np.median([plane.spacing for plane in planes], axis=0)
    axes = np.stack([across, down, step / length], axis=1)
    geometry = Geometry(
        shape,
        (length, float(y_mm), float(x_mm)),
        tuple(positions[kept[0]].tolist()),
        tuple(tuple(row) for row in axes.tolist()),
    )
    frames = {plane.about.frame_of_reference for plane in planes}
    if len(frames) > 1:
        notes.append(f"the slices name {len(frames)} frames of reference; taken as one")
    return Layout(
        tuple(planes[i] for i in kept),
        geometry,
        tuple(Note("geometry", text) for text in (*noise, *notes, *remarks)),
    )


def _require_one_kind(planes: Sequence[Plane], name: str) -> None:
    """What nobody can put right: some without a place, or samples of several sizes."""
    lost = [plane for plane in planes if plane.position is None or plane.orientation is None]
    if lost and len(lost) < len(planes):
        raise ReaderError(
            f"{name}: {len(lost)} of {len(planes)} images have no position (first: "
            f"{lost[0].file}); move them into a folder of their own, or export the series again"
        )
    said = [plane for plane in planes if plane.spacing is not None]
    if said and len(said) < len(planes):
        bare = next(plane for plane in planes if plane.spacing is None)
        raise ReaderError(
            f"{name}: {len(planes) - len(said)} of {len(planes)} images do not say their "
            f"PixelSpacing (first: {bare.file}); export the series again"
        )
    usual = np.median([plane.spacing for plane in said], axis=0) if said else np.ones(2)
    for plane in said:
        if np.abs(np.array(plane.spacing) / usual - 1).max() > SAME_SPACING:
            y_mm, x_mm = plane.spacing or (0.0, 0.0)
            raise ReaderError(
                f"{name}: PixelSpacing changes within the series: {y_mm:g} x {x_mm:g} mm in "
                f"{plane.file}, {usual[0]:g} x {usual[1]:g} mm in most; move what differs into a "
                "folder of its own, or export the series again"
            )


def _axes(planes: Sequence[Plane]) -> tuple[NDArray[np.float64], list[str]]:
    """Unit vectors along a row and along a column, and how far single planes are off."""
    told = np.array([plane.orientation for plane in planes], float)
    across, down = told.mean(0).reshape(2, 3)
    across /= np.linalg.norm(across)
    down -= (down @ across) * across
    axes = np.stack([across, down / np.linalg.norm(down)])
    off = float(np.abs(told - axes.ravel()).max())
    if off < _NOISE:
        return axes, []
    return axes, [f"axes of the slices differ by up to {off:.1g}; their mean is used"]


def _without_doubles(
    order: NDArray[np.intp], along: NDArray[np.float64], planes: Sequence[Plane], name: str
) -> tuple[list[int], list[str]]:
    kept = [int(order[0])]
    twice = []
    for index in map(int, order[1:]):
        if along[index] - along[kept[-1]] < _STRAIGHT_MM:
            twice.append(index)
        else:
            kept.append(index)
    if not twice:
        return kept, []
    if len(kept) == 1 or len({round(float(along[i]), 2) for i in twice}) > len(kept) / 2:
        raise ReaderError(
            f"{name}: {len(planes)} images are at {len(kept)} positions, and nothing that the "
            "files "
            "say distinguishes images at one position; move each volume into a folder of its "
            "own"
        )
    some = ", ".join(f"{planes[i].file} at {along[i]:.1f} mm" for i in twice[:3])
    more = f" and {len(twice) - 3} more" if len(twice) > 3 else ""
    count = "1 slice is" if len(twice) == 1 else f"{len(twice)} slices are"
    return kept, [f"{count} there twice, and the first of each is used ({some}{more})"]


def _step(
    positions: NDArray[np.float64], normal: NDArray[np.float64], planes: Sequence[Plane], name: str
) -> tuple[NDArray[np.float64], list[str]]:
    """From plane to plane, in mm, and what should be known of it."""
    if len(positions) == 1:
        return normal * _thickness(planes[0]), []
    along = positions @ normal
    distances = np.diff(along)
    usual = float(np.median(distances))
    _require_even(distances, usual, planes, name)
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    aside = step - (step @ normal) * normal
    if np.linalg.norm(aside) < max(_STRAIGHT_MM / (len(positions) - 1), _UPRIGHT * usual):
        return (step @ normal) * normal, []
    degrees = float(np.degrees(np.arctan2(np.linalg.norm(aside), step @ normal)))
    line = positions[0] + np.arange(len(positions))[:, None] * step
    off = float(np.abs(positions - line).max())
    if off > max(0.5 * usual, 1.0):
        raise ReaderError(
            f"{name}: the slice positions are not on a line (off by up to {off:.1f} mm): "
            "perhaps several "
            "acquisitions in one series; export them apart"
        )
    return step, [
        f"the gantry was tilted: each slice lies {np.linalg.norm(aside):.2f} mm beside the last "
        f"({degrees:.1f} degrees); points in mm are exact, the axes are not at right angles"
    ]


def _require_even(
    distances: NDArray[np.float64], usual: float, planes: Sequence[Plane], name: str
) -> None:
    wrong = np.flatnonzero(np.abs(distances - usual) > IRREGULAR * usual + _STRAIGHT_MM)
    if not wrong.size:
        return
    first = int(wrong[0])
    gap, lost = distances[first], round(distances[first] / usual) - 1
    more = f" ({wrong.size - 1} more such places)" if wrong.size > 1 else ""
    what = "the slices lie at uneven distances"
    if lost > 0 and abs(gap - (lost + 1) * usual) < 2 * IRREGULAR * usual:
        what = "1 slice is missing" if lost == 1 else f"{lost} slices are missing"
    raise ReaderError(
        f"{name}: {what}: {gap:.4g} mm between {planes[first].file} and "
        f"{planes[first + 1].file}, {usual:.4g} mm elsewhere{more}; export the whole series again, "
        "or take the slices on one side of the gap"
    )


def _thickness(plane: Plane) -> float:
    if plane.thickness is None or plane.thickness <= 0:
        raise ReaderError(
            f"{plane.file}: expected a slice thickness in a series of one slice, got none; "
            "give the whole series"
        )
    return plane.thickness


def _overruled(plane: Plane, step: NDArray[np.float64], along: float) -> list[str]:
    """What the file says of the distance of slices, where their positions say otherwise."""
    length = float(np.linalg.norm(step))
    told = plane.between
    if told is None or min(abs(told - along), abs(told - length)) <= IRREGULAR * along:
        return []
    return [f"SpacingBetweenSlices says {told:g} mm, the positions {along:.4g} mm: they are used"]


def _without_places(planes: Sequence[Plane]) -> Layout:
    ordered = tuple(sorted(planes, key=lambda p: (p.instance, str(p.file), p.frame)))
    shape = (len(planes), planes[0].coding.rows, planes[0].coding.columns)
    first = planes[0]
    lacking = [
        word
        for word, value in (
            ("ImagePositionPatient", first.position),
            ("ImageOrientationPatient", first.orientation),
            ("PixelSpacing", first.spacing),
        )
        if value is None
    ]
    note = (
        f"the files do not say where their slices lie ({', '.join(lacking)}), so they are in the "
        "order of their instance numbers and nothing is known in mm"
    )
    return Layout(ordered, Geometry(shape), (Note("geometry", note),))
