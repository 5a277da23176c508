"""A volume on one picture: axial, coronal and sagittal planes through a place, in proportion.

Axes are turned to those of the patient first, so the head is up, the back is down in the axial
plane, and the patient's right is on the left, whichever way the scan was taken.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.geometry import Geometry
from inklings.labels.marks import Annotation
from inklings.orientation import turn_to

_GAP = 3
_HEAD_UP = "LPI"  # rows of coronal and sagittal planes go down from the head


def crossing(geometry: Geometry, annotation: Annotation | None) -> tuple[int, ...]:
    """Where the planes cross: in the slice that shows most of what is annotated, or the middle."""
    middle = tuple(n // 2 for n in geometry.shape)
    if annotation is None or not annotation.category.any():
        return middle
    marked = annotation.category > 0
    found = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        found.append(int(marked.sum(others).argmax()))
    return tuple(found)


def three_planes(array: NDArray[Any], geometry: Geometry, at: tuple[int, ...]) -> NDArray[Any]:
    """Planes of ``array (C, *geometry.shape)`` through ``at``, side by side, ``(C, H, W)``.

    Axial on the left, coronal above sagittal on the right; samples are square, of the smallest
    spacing, each the nearest of the volume; 1 mm is assumed where the spacing is unknown.
    """
    mm = geometry.spacing or (1.0, 1.0, 1.0)
    axes = tuple(tuple(row) for row in geometry.axes.tolist())
    turn = turn_to(replace(geometry, spacing=mm, direction=axes), _HEAD_UP)
    turned = turn.view(array)
    spacing = [mm[axis] for axis in turn.order]
    z, y, x = (
        n - 1 - at[axis] if flipped else at[axis]
        for n, axis, flipped in zip(turned.shape[1:], turn.order, turn.flips, strict=True)
    )
    fine = min(spacing)
    axial = _square(turned[:, z], spacing[1:], fine)
    coronal = _square(turned[:, :, y], (spacing[0], spacing[2]), fine)
    sagittal = _square(turned[:, :, :, x], spacing[:2], fine)
    return _beside(axial, coronal, sagittal)


def flat(annotation: Annotation, geometry: Geometry, at: tuple[int, ...]) -> Annotation:
    """The same three planes of an annotation."""
    parts = [
        three_planes(part[None], geometry, at)[0]
        for part in (annotation.objects, annotation.category, annotation.known)
    ]
    return Annotation(parts[0], parts[1], parts[2], annotation.exhaustive, annotation.separated)


def _square(plane: NDArray[Any], spacing: Any, fine: float) -> NDArray[Any]:
    """``(C, H, W)`` with samples of ``fine`` mm on both axes."""
    for axis, mm in enumerate(spacing, 1):
        count = max(1, round(plane.shape[axis] * mm / fine))
        places = ((np.arange(count) + 0.5) * plane.shape[axis] / count).astype(np.intp)
        plane = np.take(plane, places, axis)
    return plane


def _beside(left: NDArray[Any], above: NDArray[Any], below: NDArray[Any]) -> NDArray[Any]:
    high = max(left.shape[1], above.shape[1] + _GAP + below.shape[1])
    wide = left.shape[2] + _GAP + max(above.shape[2], below.shape[2])
    canvas = np.full((left.shape[0], high, wide), left.min(), left.dtype)
    start = (high - left.shape[1]) // 2
    canvas[:, start : start + left.shape[1], : left.shape[2]] = left
    for part, top in ((above, 0), (below, high - below.shape[1])):
        shift = left.shape[2] + _GAP
        canvas[:, top : top + part.shape[1], shift : shift + part.shape[2]] = part
    return canvas
