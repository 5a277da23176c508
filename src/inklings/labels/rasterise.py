"""Annotation records to arrays on the grid of an image.

Labels of one image are laid over one another, the stronger on top: points, then boxes, then
polygons, then masks. Where a mask makes a statement, also "nothing here", it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import polygon

from inklings.cases.case import Case
from inklings.errors import LabelError
from inklings.geometry import Geometry
from inklings.labels.files import Mask, read_mask, unlabelled
from inklings.labels.kinds import (
    BACKGROUND,
    IRRELEVANT,
    BagLabel,
    BallLabel,
    BoxLabel,
    Label,
    MaskLabel,
    PointLabel,
    PolygonLabel,
)

POINT_DIAMETER = 5.0
"""Samples across the disc that stands for a point whose diameter was not measured."""

BoxRule = Literal["filled", "ellipse"]
Window = tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Oval:
    """A ball of the patient on a grid: ``point`` and ``radii`` in samples, in array order."""

    name: str
    point: tuple[float, ...]
    radii: tuple[float, ...]


Mark = Label | Oval
_STRENGTH: tuple[type[Mark], ...] = (Oval, PointLabel, BoxLabel, PolygonLabel)


@dataclass(frozen=True)
class Annotation:
    """All that is known of one image, as arrays.

    Attributes:
        objects: ``(*S)`` int32 number of the object, 0 where there is none.
        category: ``(*S)`` uint8 index of the class plus one, 0 is background.
        known: ``(*S)``, True where an annotator said something, also that nothing is there.
        exhaustive: Whether every object is claimed to be marked.
        separated: Whether touching objects have numbers of their own; where not, ``objects``
            are connected components.
    """

    objects: NDArray[np.int32]
    category: NDArray[np.uint8]
    known: NDArray[np.bool_]
    exhaustive: bool
    separated: bool


def annotate(
    case: Case,
    image: str,
    geometry: Geometry,
    classes: Sequence[str],
    boxes: BoxRule = "filled",
) -> Annotation:
    """Draw what is known of ``case.images[image]`` on its grid.

    Args:
        case: Where the labels come from; bag labels say nothing of places and are skipped.
        image: Which of the case's images.
        geometry: Its grid.
        classes: Names in the order of the codes of ``category``.
        boxes: ``filled``: all of a box is the object. ``ellipse``: only an ellipse of half its
            size is, and the rest of the box is not known.

    Raises:
        LabelError: If nothing is annotated, or a label does not fit the grid or the classes.
    """
    labels = [k for k in case.labels if not isinstance(k, BagLabel) and k.image == image]
    if not labels:
        raise LabelError(
            f"case {case.id}: expected a mask, polygon, box or point on image {image!r}, got none; "
            "annotate it, or leave it out with a cohort that holds only labelled cases"
        )
    marks = [on_grid(k, geometry) for k in labels if not isinstance(k, MaskLabel) and relevant(k)]
    masks = [label for label in labels if isinstance(label, MaskLabel)]
    try:
        drawn = draw_marks(marks, geometry.shape, classes, boxes)
        return overlaid(drawn, _read_masks(masks, geometry.shape, classes)) if masks else drawn
    except LabelError as error:
        raise LabelError(f"case {case.id}: {error}") from None


def relevant(label: Label) -> bool:
    """Whether a label says anything of the classes."""
    return not (isinstance(label, BallLabel) and label.name == IRRELEVANT)


def on_grid(label: Label, geometry: Geometry) -> Mark:
    """A ball in samples of ``geometry``; other labels as they are.

    Raises:
        GeometryError: If a ball lies on an image without a spacing.
    """
    if not isinstance(label, BallLabel):
        return label
    spacing = geometry.require_spacing()
    point = tuple(geometry.to_indices(label.centre_mm).tolist())
    if label.diameter_mm is None:
        return Oval(label.name, point, (POINT_DIAMETER / 2,) * len(point))
    return Oval(label.name, point, tuple(label.diameter_mm / 2 / mm for mm in spacing))


def overlaid(below: Annotation, above: Annotation) -> Annotation:
    """``above`` wherever it says anything, with its objects numbered first."""
    shifted = np.where(below.objects > 0, below.objects + above.objects.max(initial=0), 0)
    return Annotation(
        objects=np.where(above.known, above.objects, shifted).astype(np.int32),
        category=np.where(above.known, above.category, below.category),
        known=above.known | below.known,
        exhaustive=above.exhaustive or below.exhaustive,
        separated=above.separated,
    )


def _read_masks(
    labels: Sequence[MaskLabel], shape: tuple[int, ...], classes: Sequence[str]
) -> Annotation:
    masks = []
    for label in labels:
        mask = read_mask(label.path)
        if mask.shape != shape:
            raise LabelError(
                f"{label.path.name}: expected the shape of its image {shape}, got {mask.shape}; "
                "export the mask at the size of the image, or run 'inklings check'"
            )
        masks.append(mask)
    return combined(labels, masks, shape, classes)


def combined(
    labels: Sequence[MaskLabel],
    masks: Sequence[Mask],
    shape: tuple[int, ...],
    classes: Sequence[str],
) -> Annotation:
    """One annotation of the stored numbers ``(*shape)`` of each label, later ones on top.

    Raises:
        LabelError: If a mask holds numbers that its label does not name.
    """
    objects = np.zeros(shape, np.int32)
    category = np.zeros(shape, np.uint8)
    known = np.zeros(shape, np.bool_)
    for label, mask in zip(labels, masks, strict=True):
        nothing = unlabelled(label, mask)
        codes = _codes(label, np.where(nothing, 0, mask), classes)
        here = codes > 0
        if label.extent == "correction":  # also what it says is not there
            objects[~nothing], category[~nothing] = 0, 0
        numbers = mask if label.kind == "instances" else _components(codes)
        objects[here] = numbers[here].astype(np.int32) + objects.max(initial=0)
        category[here] = codes[here]
        known |= ~nothing
    return Annotation(
        objects,
        category,
        known,
        exhaustive=any(label.extent == "complete" for label in labels),
        separated=all(label.kind == "instances" for label in labels),
    )


def _codes(label: MaskLabel, mask: Mask, classes: Sequence[str]) -> NDArray[np.uint8]:
    """``(*S)`` index into ``classes`` plus one, from the file's own codes."""
    own = [0 if name == BACKGROUND else _code(name, classes) for name in label.classes]
    if label.kind == "instances":
        return np.where(mask > 0, np.uint8(own[0]), np.uint8(0))
    if mask.max(initial=0) > len(own):
        found = np.unique(mask[mask > len(own)])
        raise LabelError(
            f"{label.path.name}: expected codes 0..{len(own)} ({', '.join(label.classes)}), got "
            f"{', '.join(map(str, found[:8]))}; import it again and say which value is which class"
        )
    table: NDArray[np.uint8] = np.array([0, *own], np.uint8)
    return table[mask]


def _components(codes: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Connected components, corners included; two classes never share one."""
    numbers = np.zeros(codes.shape, np.int32)
    around = np.ones((3,) * codes.ndim)
    for code in range(1, int(codes.max(initial=0)) + 1):
        found, _ = ndimage.label(codes == code, around)
        numbers += np.where(found > 0, found + numbers.max(initial=0), 0).astype(np.int32)
    return numbers


def draw_marks(
    labels: Sequence[Mark], shape: tuple[int, ...], classes: Sequence[str], boxes: BoxRule
) -> Annotation:
    """Points, boxes and polygons, each an object; large boxes first, so small ones show."""
    objects = np.zeros(shape, np.int32)
    category = np.zeros(shape, np.uint8)
    boxed = np.zeros(shape, np.bool_)
    for number, label in enumerate(sorted(labels, key=_order), 1):
        where, inside = _stencil(label, shape)
        if isinstance(label, BoxLabel):
            boxed[where] = True
            inside = _ellipse(label, where) if boxes == "ellipse" else inside
        objects[where][inside] = number
        category[where][inside] = _code(getattr(label, "name", ""), classes)
    marked = category > 0
    exhaustive = any(isinstance(label, BoxLabel | PolygonLabel) for label in labels)
    known = marked | ~boxed if exhaustive else marked
    return Annotation(objects, category, known, exhaustive, separated=True)


def _order(label: Mark) -> tuple[int, float]:
    extent = 0.0
    if isinstance(label, Oval):
        extent = float(np.prod(label.radii))
    if isinstance(label, BoxLabel):
        extent = float(np.prod(np.subtract(label.stop, label.start)))
    return _STRENGTH.index(type(label)), -extent


def _stencil(label: Mark, shape: tuple[int, ...]) -> tuple[Window, NDArray[np.bool_]]:
    """A window of the grid and where in it the mark lies."""
    if isinstance(label, BoxLabel):
        where = _window(label.start, label.stop, shape, "box")
        return where, np.ones(_size(where), np.bool_)
    if isinstance(label, Oval):
        point, radii = np.asarray(label.point), np.asarray(label.radii)
        where = _window(point - radii, point + radii + 1, shape, "ball")
        return where, _squares(where, point, radii) <= 1
    if isinstance(label, PointLabel):
        radius = (label.diameter or POINT_DIAMETER) / 2
        point = np.asarray(label.point, float)
        where = _window(point - radius, point + radius + 1, shape, "point")
        return where, _squares(where, point, [radius] * len(point)) <= 1
    if isinstance(label, PolygonLabel):
        corners = np.asarray(label.vertices, float)
        where = _window(corners.min(0), corners.max(0) + 1, shape, "polygon")
        inside = np.zeros(_size(where), np.bool_)
        rows, columns = (corners - [s.start for s in where]).T
        inside[polygon(rows, columns, inside.shape)] = True  # type: ignore[no-untyped-call]
        for hole in label.holes:
            rows, columns = (np.asarray(hole, float) - [s.start for s in where]).T
            inside[polygon(rows, columns, inside.shape)] = False  # type: ignore[no-untyped-call]
        return where, inside
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


def _code(name: str, classes: Sequence[str]) -> int:
    if name not in classes:
        raise LabelError(f"expected one of the classes {', '.join(classes)}, got {name!r}")
    return list(classes).index(name) + 1
