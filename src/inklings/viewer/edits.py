"""Changes of corrections, and what an image has in a region. Nothing here saves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from inklings.errors import LabelError
from inklings.geometry import Geometry, Region
from inklings.labels.corrections import Correction, Shape
from inklings.readers.image import Image
from inklings.viewer.asked import Change
from inklings.viewer.regions import (
    LONGEST,
    between,
    box,
    copied,
    divided,
    erased,
    frame_of,
    joined,
    plane_of,
    raster,
)

BETWEEN = "between"
"""In `Correction.replaces`: what a mask between planes was made of."""

New = tuple[Correction, Shape, dict[str, Any]]
"""What a new correction is like, where it lies, and what it was made of."""


def changed(
    what: Change, old: Sequence[Correction], by: Shape | None, image: Geometry
) -> tuple[list[New], list[str]]:
    """The corrections that a change asks for, and which of ``old`` they stand in for.

    Raises:
        LabelError: If these cannot be changed so.
    """
    sides, ids = image.shape, [c.id for c in old]
    if what.what in ("join", "between") and len({(c.action, c.name) for c in old}) > 1:
        raise LabelError("expected regions that say the same of the same class")
    if what.what == "join":
        return [(old[-1], joined([_shape(c) for c in old], sides), {"corrections": ids})], ids
    if what.what == "between":
        return _between(old, image)
    new: list[New] = []
    for one in old:
        before = _shape(one)
        if what.what == "copy":
            shapes: list[Shape] = [copied(before, what.by or 0, sides)]
        elif by is None:
            raise LabelError("expected a shape")
        elif what.what == "replace":
            shapes = [by]
        elif what.what == "divide":
            shapes = divided(before, by, sides)
        else:
            left = erased(before, by, sides)
            if left is before:
                ids.remove(one.id)
                continue
            shapes = [] if left is None else [left]
        new += [(one, shape, {"corrections": [one.id]}) for shape in shapes]
    return new, [] if what.what == "copy" else ids


def _between(old: Sequence[Correction], image: Geometry) -> tuple[list[New], list[str]]:
    """As `between`, of corrections; what was filled there before is filled anew."""
    flat = [c for c in old if BETWEEN not in c.replaces and _on(c) is not None]
    if not flat:
        raise LabelError("expected something that was drawn on planes of a volume")
    flat = [c for c in flat if _on(c) == _on(flat[-1])]
    shape, used = between([_shape(c) for c in flat], image.shape, image.spacing)
    frame, _ = frame_of([shape], image.shape)
    fresh = raster(shape, frame)
    gone = [c.id for c in old if BETWEEN in c.replaces and (raster(_shape(c), frame) & fresh).any()]
    return [(flat[-1], shape, {BETWEEN: [flat[k].id for k in used]})], gone


def _on(correction: Correction) -> int | None:
    try:
        return plane_of(_shape(correction))[0]
    except LabelError:
        return None


def _shape(correction: Correction) -> Shape:
    if correction.shape is None:
        raise LabelError("expected a region, got an answer for the case")
    return correction.shape


def measured(image: Image, shape: Shape) -> dict[str, Any]:
    """Statistics of the samples that a shape covers, and how large it is.

    Returns:
        ``n`` samples of ``step`` samples of the image a side; ``content`` in mm (``axes`` of them
        multiplied) or samples; ``channels`` with ``name``, and ``mean``, ``sd``, ``min``,
        ``max`` of what is finite.
    """
    sides = image.geometry.shape
    low, high = box([shape], sides)
    longest = max(b - a for a, b in zip(low, high, strict=True)) + 1
    step = math.ceil(longest / LONGEST) if len(sides) == 2 else 1
    view = image.shrunk(step) if step > 1 else image
    start = tuple(math.floor(v / step) for v in low)
    size = tuple(
        min(math.ceil(b / step) + 1, n) - a
        for a, b, n in zip(start, high, view.geometry.shape, strict=True)
    )
    frame = Region(start, size)
    values = view.read(frame)[:, raster(shape, frame, step)].astype(np.float64)
    spacing = image.geometry.spacing
    axes = [k for k in range(len(sides)) if shape.plane is None or k != shape.axis]
    cell = math.prod((spacing[k] if spacing else 1.0) * step for k in axes)
    return {
        "n": values.shape[1],
        "step": step,
        "axes": len(axes),
        "content": values.shape[1] * cell,
        "known": spacing is not None,
        "channels": [
            {
                "name": name,
                "mean": float(row.mean()),
                "sd": float(row.std()),
                "min": float(row.min()),
                "max": float(row.max()),
            }
            for name, all_of_it in zip(image.channels, values, strict=True)
            if len(row := all_of_it[np.isfinite(all_of_it)])
        ],
    }
