"""Where the instances of a bag lie on its slides, where these and their places are known."""

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
        slide = slides.get(name) or slides.get(span.path.stem) or slides.get(case.id)
        coords = read_coords(span)
        if slide is None or coords is None:
            return None
        there = _boxes(span, slide, coords.astype(np.float64))
        if there is None:
            return None
        which.append(np.full(len(coords), len(found), np.int64))
        boxes.append(there)
        found.append(slide)
    return Places(tuple(found), np.concatenate(which), np.concatenate(boxes))


def _boxes(span: Span, slide: Case, corners: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """``(N, 4)`` in pixels of level 0, by what the writer of the features noted; None if nothing.

    ``inklings embed`` notes its grid; TRIDENT the side on level 0; CLAM the side and the level of
    its patches, or nothing beside features; STAMP counts in micrometres.
    """
    there = head(span.path)
    if size := int(there.attributes.get("size", 0)):
        step = _step(span, slide)
        if not bool(there.attributes.get(COORDS_ON_LEVEL_0, False)):
            corners = corners * step
        return _squares(corners, size * step)
    said = {**there.places, **there.attributes}
    if str(said.get("unit", "")) == "um":
        side = float(said.get("tile_size_um", said.get("tile_size", 0)))
        with open_case(slide) as image:
            own = image.geometry.spacing
        if not own:
            note(
                f"{span.path.name}: positions in micrometres, and slide {slide_name(slide)} without"
            )
            return None
        um = 1000 * np.array(own[-2:])
        return _squares(corners / um, side / um)
    if side := float(said.get("patch_size_level0", 0)):
        return _squares(corners, np.array([side, side]))
    down = float(np.ravel(said.get("downsample", 1 if said.get("patch_level") == 0 else 0))[0])
    if side := float(said.get("patch_size", 0)) * down:
        return _squares(corners, np.array([side, side]))
    gaps = np.concatenate([np.diff(np.unique(corners[:, axis])) for axis in (0, 1)])
    if not len(gaps):
        return None
    note(
        f"{span.path.name}: does not say how large its tiles are: taken as wide as they lie apart, "
        f"{gaps.min():g} pixels"
    )
    return _squares(corners, np.full(2, gaps.min()))


def _squares(corners: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Boxes of one size; None where it is none."""
    if not size.all():
        return None
    return np.concatenate([corners, np.tile(size, (len(corners), 1))], axis=1)


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
