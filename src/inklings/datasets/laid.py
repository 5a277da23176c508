"""Codes of a mask file become the label of an image: classes, or objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.datasets import values
from inklings.datasets.dataset import Mask
from inklings.datasets.findings import ImportFinding
from inklings.datasets.instances import areas, of_pages
from inklings.errors import LabelError
from inklings.labels.codes import COLOUR, Codes
from inklings.readers.orientation import orientation_note

_LEAST_PIXELS = 16
"""Of an object on average, where objects are told by colours."""


@dataclass(frozen=True)
class Drawn:
    """What a mask lies on.

    Attributes:
        case: Id, for findings.
        name: Of the mask file, for findings.
        shape: Of the image.
        is_part: Whether the image is one of several planes of its file.
    """

    case: str
    name: str
    shape: tuple[int, ...]
    is_part: bool = False


def drawn(
    on: Drawn,
    found: Codes,
    meaning: Mapping[int, str],
    classes: tuple[str, ...],
    instances: bool,
    findings: list[ImportFinding],
) -> Mask | None:
    """The label; None, and a finding, if it does not fit its image.

    Raises:
        LabelError: If it holds what has no meaning.
    """
    findings += [ImportFinding(on.case, kind, f"{on.name}: {said}") for kind, said in found.remarks]
    findings += [
        ImportFinding(on.case, note.kind, f"{on.name}: {note}")
        for note in orientation_note(found.orientation)
    ]
    codes = _laid(on, found, meaning, instances, findings)
    if codes is None:
        return None
    if not instances:
        samples = values.mapped(codes, meaning)
        partial = values.UNLABELLED in meaning.values()
        return Mask(samples, "classes", classes, "partial" if partial else "complete")
    _require_numbers_of_objects(codes)
    below = int(np.count_nonzero((codes < 0) & ~_nothing(codes, meaning, named=True)))
    if below:
        text = f"{on.name}: {below} samples below 0 (down to {codes.min()})"
        findings.append(ImportFinding(on.case, "negative numbers", text, below))
    nothing = _nothing(codes, meaning)
    codes = np.where(np.isin(codes, _codes(meaning, values.BACKGROUND)), 0, codes)
    partial = bool(nothing.any()) or values.UNLABELLED in meaning.values()
    numbers = values.objects(codes, nothing)
    return Mask(numbers, "instances", classes, "partial" if partial else "complete")


def _require_numbers_of_objects(codes: NDArray[np.int64]) -> None:
    """Refuse a picture in place of a mask: nearly every pixel of it would be an object."""
    colours = len(np.unique(codes[codes >= COLOUR]))
    if colours * _LEAST_PIXELS > codes.size:
        raise LabelError(
            f"expected the numbers of objects, or a colour for each, got {colours} colours in "
            f"{codes.size} pixels: a picture, not a mask"
        )


def count_of(mask: Mask) -> int:
    """How many objects an instance mask holds."""
    void = np.iinfo(mask.samples.dtype).max if mask.extent == "partial" else None
    return len(areas(mask.samples if void is None else mask.samples * (mask.samples != void)))


def _laid(
    on: Drawn,
    found: Codes,
    meaning: Mapping[int, str],
    instances: bool,
    findings: list[ImportFinding],
) -> NDArray[np.int64] | None:
    """The codes on the grid of the image: a plane, a stack, or objects of a page each."""
    pages = found.pages
    if len(on.shape) == 3 and pages.shape == on.shape:
        return pages
    if pages.shape[1:] != on.shape:
        given = pages.shape if len(pages) > 1 or len(on.shape) == 3 else pages.shape[1:]
        detail = f"{on.name}: {by(given)}, the image {by(on.shape)}"
        if len(on.shape) == 2 and pages.shape[1:] == on.shape[::-1]:
            detail += "; it fits the picture as it lies in the file, before it is turned upright"
        findings.append(ImportFinding(on.case, "mask shape", detail))
        return None
    if len(pages) == 1 or not instances:
        return found.plane
    if on.is_part:
        raise LabelError(
            f"expected a mask of one plane for one plane of an image, got {len(pages)} pages; "
            "save the page that is meant"
        )
    nothing = _nothing(pages, meaning)
    zero = np.isin(pages, _codes(meaning, values.BACKGROUND)) | nothing
    codes = of_pages(on.case, on.name, np.where(zero, 0, pages), findings)
    return np.where(nothing.any(0) & (codes == 0), -1, codes)


def _nothing(
    codes: NDArray[np.int64], meaning: Mapping[int, str], named: bool = False
) -> NDArray[np.bool_]:
    said = np.isin(codes, _codes(meaning, values.UNLABELLED))
    if named:
        return said | np.isin(codes, _codes(meaning, values.BACKGROUND))
    background = np.isin(codes, _codes(meaning, values.BACKGROUND))
    return said | ((codes < 0) & ~background)


def _codes(meaning: Mapping[int, str], name: str) -> list[int]:
    return [code for code, said in meaning.items() if said == name]


def by(shape: tuple[int, ...]) -> str:
    """``640 x 480``: columns first, as pictures are told."""
    return " x ".join(map(str, shape[::-1]))
