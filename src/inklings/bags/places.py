"""Where the instances of a bag lie on its slides, if `inklings embed` made it from their tiles."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.bags import spans
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.errors import InklingsError
from inklings.progress import note
from inklings.readers.bag_files import Span, head, read_coords

SLIDES = "slides"
"""Fact of a cohort of bags: the folder of the cohort of its slides, from its own folder on."""
COORDS_ON_LEVEL_0 = "coords_on_level_0"
"""Attribute of a file of features: places count pixels of level 0, not samples of the grid."""
_PREFIX = "slide+"


@dataclass(frozen=True)
class Places:
    """Where each instance of a bag is.

    Attributes:
        slides: Of the bag.
        slide: ``(N,)`` which of them holds the instance.
        boxes: ``(N, 4)`` first row, first column, height and width, in samples of the slide.
    """

    slides: tuple[Case, ...]
    slide: NDArray[np.int64]
    boxes: NDArray[np.float64]


def slides_of(cohort: Cohort, folder: Path) -> dict[str, Case]:
    """Slides behind a cohort of bags in ``folder``, by their ids; none where they are not known.

    They carry no labels here, and ids of their own, as a bag often has that of its slide.
    """
    if SLIDES not in cohort.facts:
        return {}
    try:
        source = Cohort.read(folder / str(cohort.facts[SLIDES]))
    except InklingsError as error:
        note(f"without the slides of the bags: {error}")
        return {}
    return {
        case.id: dataclasses.replace(
            case, id=_PREFIX + case.id, images=_one_image(case), labels=(), split=None
        )
        for case in source
    }


def slide_name(slide: Case) -> str:
    """What a slide of `slides_of` is called in its own cohort."""
    return slide.id.removeprefix(_PREFIX)


def places(case: Case, slides: Mapping[str, Case]) -> Places | None:
    """Places of the instances of a bag; None where they, or its slides, are not known.

    Raises:
        InklingsError: If a slide cannot be opened.
    """
    found: list[Case] = []
    which: list[NDArray[np.int64]] = []
    boxes: list[NDArray[np.float64]] = []
    for (name, _), span in zip(case.images.items(), spans(case), strict=True):
        slide = slides.get(name) or slides.get(case.id)
        coords = read_coords(span)
        if slide is None or coords is None:
            return None
        step = _step(span, slide)
        size = np.tile(int(head(span.path).attributes.get("size", 0)) * step, (len(coords), 1))
        if not size.all():
            return None
        which.append(np.full(len(coords), len(found), np.int64))
        on_level_0 = bool(head(span.path).attributes.get(COORDS_ON_LEVEL_0, False))
        corners = coords.astype(np.float64) if on_level_0 else coords * step
        boxes.append(np.concatenate([corners, size], axis=1))
        found.append(slide)
    return Places(tuple(found), np.concatenate(which), np.concatenate(boxes))


def _step(span: Span, slide: Case) -> NDArray[np.float64]:
    """Samples of the slide to one of the grid in which its tiles are counted, ``(y, x)``."""
    known = head(span.path).attributes
    if factor := float(known.get("factor", 0)):
        return np.array([factor, factor])
    spacing = float(known.get("spacing_mm", 0))
    with open_case(slide) as image:
        own = image.geometry.spacing
    return spacing / np.array(own) if spacing and own else np.zeros(2)


def _one_image(case: Case) -> dict[str, Path]:
    name = "slide" if "slide" in case.images else next(iter(case.images))
    return {name: case.images[name]}
