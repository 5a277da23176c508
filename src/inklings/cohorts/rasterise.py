"""Annotation records to arrays on the grid of an image.

Labels of one image are laid over one another, the stronger on top: points, then boxes, then
polygons, then masks. Where a mask makes a statement, also "nothing here", it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.cohorts.case import Case
from inklings.errors import LabelError
from inklings.geometry import Geometry
from inklings.labels.balls import on_grid
from inklings.labels.files import Mask, read_mask, unlabelled
from inklings.labels.kinds import BACKGROUND, IRRELEVANT, BallLabel, CaseLabel, Label, MaskLabel
from inklings.labels.marks import Annotation, BoxRule, code_of, draw_marks


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
    labels = [k for k in case.labels if not isinstance(k, CaseLabel) and k.image == image]
    if not labels:
        raise LabelError(
            f"case {case.id}: expected a mask, polygon, box or point on image {image!r}, got none; "
            "annotate it, or leave it out with a cohort that holds only labelled cases"
        )
    marks = [on_grid(k, geometry) for k in labels if not isinstance(k, MaskLabel) and relevant(k)]
    masks = [label for label in labels if isinstance(label, MaskLabel)]
    try:
        read = _read_masks(masks, geometry.shape, classes) if masks else None
        if read is not None and not marks:
            return read
        drawn = draw_marks(marks, geometry.shape, classes, boxes)
        return drawn if read is None else overlaid(drawn, read)
    except LabelError as error:
        raise LabelError(f"case {case.id}: {error}") from None


def relevant(label: Label) -> bool:
    """Whether a label says anything of the classes."""
    return not (isinstance(label, BallLabel) and label.name == IRRELEVANT)


def overlaid(below: Annotation, above: Annotation) -> Annotation:
    """``above`` wherever it says anything, with its objects numbered first."""

    def numbers() -> NDArray[np.int32]:
        shifted = np.where(below.objects > 0, below.objects + above.objects.max(initial=0), 0)
        return np.where(above.known, above.objects, shifted).astype(np.int32)

    return Annotation(
        numbers=numbers,
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
    category: NDArray[np.uint8] | None = None
    known = np.zeros(shape, np.bool_)
    layers: list[_Layer] = []
    for label, mask in zip(labels, masks, strict=True):
        nothing = unlabelled(label, mask)
        codes = _codes(label, np.where(nothing, 0, mask) if nothing.any() else mask, classes)
        corrects = label.extent == "correction"  # also what it says is not there
        if category is None:
            category = codes.copy() if len(labels) > 1 else codes
        else:
            np.copyto(category, codes, where=~nothing if corrects else codes > 0)
        known |= ~nothing
        apart = label.kind == "instances"
        layers.append(_Layer(codes, mask if apart else None, ~nothing if corrects else None))
    return Annotation(
        lambda: _numbered(layers, shape),
        np.zeros(shape, np.uint8) if category is None else category,
        known,
        exhaustive=any(label.extent == "complete" for label in labels),
        separated=all(label.kind == "instances" for label in labels),
    )


class _Layer(NamedTuple):
    """Classes of one mask, the numbers of its objects if it has any, and what it takes away."""

    codes: NDArray[np.uint8]
    numbers: Mask | None
    corrected: NDArray[np.bool_] | None


def _numbered(layers: Sequence[_Layer], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Numbers of the objects of all masks, later ones on top."""
    objects = np.zeros(shape, np.int32)
    for codes, numbers, corrected in layers:
        if corrected is not None:
            objects[corrected] = 0
        found = _components(codes) if numbers is None else numbers
        here = codes > 0
        objects[here] = found[here].astype(np.int32) + objects.max(initial=0)
    return objects


def _codes(label: MaskLabel, mask: Mask, classes: Sequence[str]) -> NDArray[np.uint8]:
    """``(*S)`` index into ``classes`` plus one, from the file's own codes."""
    own = [0 if n in (BACKGROUND, IRRELEVANT) else code_of(n, classes) for n in label.classes]
    if label.kind == "instances":
        return np.where(mask > 0, np.uint8(own[0]), np.uint8(0))
    if mask.max(initial=0) > len(own):
        found = np.unique(mask[mask > len(own)])
        raise LabelError(
            f"{label.path.name}: expected codes 0..{len(own)} ({', '.join(label.classes)}), got "
            f"{', '.join(map(str, found[:8]))}; import it again and say which value is which class"
        )
    table: NDArray[np.uint8] = np.array([0, *own], np.uint8)
    if np.array_equal(table, np.arange(len(table))):
        return mask.astype(np.uint8)
    codes = np.empty(mask.shape, np.uint8)
    for plane, stored in zip(codes, mask, strict=True):  # an index takes eight bytes a sample
        np.take(table, stored, out=plane)
    return codes


def _components(codes: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Connected components, corners included; two classes never share one."""
    numbers = np.zeros(codes.shape, np.int32)
    around = np.ones((3,) * codes.ndim)
    last = 0
    for code, box in enumerate(ndimage.find_objects(codes), 1):
        if box is not None:
            found, count = ndimage.label(codes[box] == code, around)
            np.copyto(numbers[box], found + last, where=found > 0, casting="same_kind")
            last += count
    return numbers
