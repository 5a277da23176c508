"""What is known of one region of a slide, on any coarser grid; only that region is read.

A mask may have any number of levels and any size: what counts is that it covers the same extent as
the image. Outlines, boxes and points are on the grid of level 0 and are brought to that of the
region.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from inklings.cohorts.case import Case
from inklings.cohorts.opening import image_path, open_case
from inklings.cohorts.rasterise import annotate, combined, overlaid
from inklings.errors import LabelError
from inklings.geometry import Geometry, Region
from inklings.labels.files import Mask, read_mask
from inklings.labels.index import marks_of
from inklings.labels.marks import Annotation, BoxRule, draw_marks
from inklings.readers import open_image
from inklings.readers.pyramid import Pyramid, factor_between

Pair = tuple[float, float]

OVERVIEW = 4096
"""Largest side of a slide that is looked at as a whole."""


def annotate_region(
    case: Case,
    image: str,
    geometry: Geometry,
    region: Region,
    classes: Sequence[str],
    boxes: BoxRule = "filled",
) -> Annotation:
    """Draw what is known of a region of ``case.images[image]``, ``(*region.size)``.

    Beyond the border of the image nothing is known. Objects of masks of classes are connected
    components within the region.

    Args:
        case: Where the labels come from; bag labels say nothing of places and are skipped.
        image: Which of the case's images.
        geometry: The grid of the view that the region counts in, such as
            ``open_case(case, image).at(0.002).geometry``.
        region: What to draw.
        classes: Names in the order of the codes of ``category``.
        boxes: As for `inklings.cohorts.rasterise.annotate`.

    Raises:
        LabelError: If nothing is annotated, or a label does not fit the image or the classes.
    """
    marks = marks_of(case.labels, image)
    if not marks.some:
        raise LabelError(
            f"case {case.id}: expected a mask, polygon, box or point on image {image!r}, got none; "
            "annotate it, or leave it out with a cohort that holds only labelled cases"
        )
    masks = marks.masks
    try:
        drawn = None
        if marks or not masks:
            factor = _factor(case, image, geometry)
            near = marks.near(region.start, region.size, factor)
            drawn = draw_marks(near, region.size, classes, boxes, marks.claims)
        if masks:
            numbers = [mask_region(label.path, geometry, region) for label in masks]
            read = combined(masks, numbers, region.size, classes)
            drawn = overlaid(drawn, read) if drawn else read
    except LabelError as error:
        raise LabelError(f"case {case.id}: {error}") from None
    assert drawn is not None
    return _within(drawn, geometry, region)


def annotate_overview(
    case: Case, image: str, classes: Sequence[str], boxes: BoxRule = "filled"
) -> Annotation:
    """Draw what is known of a whole image: of a slide on a grid that fits into memory.

    Raises:
        LabelError: As `annotate_region`.
    """
    with open_case(case, image) as opened:
        if not isinstance(opened, Pyramid):
            return annotate(case, image, opened.geometry, classes, boxes)
        grid = opened.shrunk(overview_factor(opened.levels.shapes[0])).geometry
    return annotate_region(case, image, grid, grid.full, classes, boxes)


def overview_factor(shape: tuple[int, ...]) -> float:
    """How much coarser than level 0 a slide is looked at as a whole: 16, or more if very large."""
    return float(max(16, 2 ** math.ceil(math.log2(max(shape) / OVERVIEW))))


def mask_region(path: Path, geometry: Geometry, region: Region) -> Mask:
    """The stored numbers of a mask under the centres of a region's samples; 0 beyond the border.

    Args:
        path: A pyramid, of which the first plane counts, or any other mask of one plane.
        geometry: The grid of a view of the image that the mask lies on.
        region: In that grid.

    Raises:
        LabelError: If its sides are not in proportion to those of the image.
        ReaderError: If it cannot be decoded.
    """
    stat = path.stat() if path.exists() else None
    opened = _opened(path, (stat.st_mtime_ns, stat.st_size) if stat else None)
    if isinstance(opened, Pyramid):
        _require_same_extent(path, opened.levels.shapes[0], geometry)
        plane: Mask = opened.over(geometry).read(region)[0]
        return plane
    _require_same_extent(path, opened.shape, geometry)
    inside = [
        (max(0, a), min(b, n))
        for a, b, n in zip(region.start, region.stop, geometry.shape, strict=True)
    ]
    out = np.zeros(region.size, opened.dtype)
    if all(a < b for a, b in inside):
        height, width = opened.shape
        factor = factor_between((height, width), (geometry.shape[0], geometry.shape[1]))
        rows, columns = (
            np.minimum(((np.arange(a, b) + 0.5) * f).astype(np.intp), m - 1)
            for (a, b), m, f in zip(inside, opened.shape, factor, strict=True)
        )
        to = tuple(slice(a - s, b - s) for (a, b), s in zip(inside, region.start, strict=True))
        out[to] = opened[rows][:, columns]
    return out


@functools.lru_cache(maxsize=8)
def _opened(path: Path, state: tuple[int, int] | None) -> Pyramid | Mask:  # noqa: ARG001
    """A pyramid, which holds no pixels, or the whole of a plain mask; once for many regions."""
    if path.suffix.lower() in (".npy", ".png"):
        return read_mask(path)
    image = open_image(path)
    return image.as_codes() if isinstance(image, Pyramid) else read_mask(path)


def _require_same_extent(path: Path, shape: tuple[int, ...], geometry: Geometry) -> None:
    """Both sides shrink by the same factor, to within a sample of the coarser of the two."""
    if len(shape) != 2 or len(geometry.shape) != 2:
        raise LabelError(f"{path.name}: expected a mask of a plane, got shape {shape}")
    y, x = (m / n for m, n in zip(shape, geometry.shape, strict=True))
    coarser = min(*shape, *geometry.shape)
    if abs(y - x) > max(y, x) * (0.002 + 1.5 / coarser):
        raise LabelError(
            f"{path.name}: expected the extent of its image, of {geometry.shape[0]} x "
            f"{geometry.shape[1]} samples in this view, got {shape[0]} x {shape[1]}, of other "
            "proportions; give the mask of this slide"
        )


def _factor(case: Case, image: str, geometry: Geometry) -> Pair:
    """Samples of level 0 to one of a grid, ``(y, x)``."""
    path = image_path(case, image)
    stat = path.stat() if path.exists() else None
    state = (stat.st_mtime_ns, stat.st_size) if stat else None
    finest = _finest(path, case.choices.get(image), state)
    return factor_between(finest, (geometry.shape[0], geometry.shape[1]))


@functools.lru_cache(maxsize=256)
def _finest(path: Path, choice: str | None, state: tuple[int, int] | None) -> tuple[int, int]:  # noqa: ARG001
    """Samples of level 0; read once for many regions."""
    with open_image(path, choice=choice) as opened:
        return opened.geometry.shape[0], opened.geometry.shape[1]


def _within(drawn: Annotation, geometry: Geometry, region: Region) -> Annotation:
    if all(a >= 0 for a in region.start) and all(
        b <= n for b, n in zip(region.stop, geometry.shape, strict=True)
    ):
        return drawn
    inside = np.zeros(region.size, np.bool_)
    inside[
        tuple(
            slice(max(0, -a), max(0, n - a))
            for a, n in zip(region.start, geometry.shape, strict=True)
        )
    ] = True
    return replace(
        drawn,
        numbers=lambda: np.where(inside, drawn.objects, 0).astype(np.int32),
        category=np.where(inside, drawn.category, 0).astype(np.uint8),
        known=drawn.known & inside,
    )
