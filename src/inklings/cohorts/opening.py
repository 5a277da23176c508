"""The image of a case, with what the cohort knows of it and its file does not."""

from __future__ import annotations

from pathlib import Path

from inklings.cohorts.case import Case
from inklings.errors import DataError
from inklings.labels.kinds import CaseLabel
from inklings.readers import open_image
from inklings.readers.image import Image

SLIDE = "slide"
"""Name of the image in cases of slides."""

SPACING_FACT = "spacing_um"
"""Fact of a case: micrometres between the finest samples, stated by whoever imported it."""


def open_case(case: Case, image: str | None = None) -> Image:
    """Open one of the images of ``case``, by default the first.

    Raises:
        DataError: If the case has no such image, or the spacing in its facts is no number.
        ReaderError: If the file cannot be opened.
    """
    name = image if image is not None else next(iter(case.images), "")
    return open_image(image_path(case, name), stated_spacing(case), case.choices.get(name))


def image_path(case: Case, image: str | None = None) -> Path:
    """Where the image lies."""
    name = image if image is not None else next(iter(case.images), "")
    if name not in case.images:
        had = ", ".join(case.images) or "none"
        raise DataError(f"case {case.id}: expected an image {name!r}, it has {had}")
    return case.images[name]


def labelled_image(case: Case) -> str:
    """Name of the image that carries labels; the first where none does."""
    marked = [label.image for label in case.labels if not isinstance(label, CaseLabel)]
    return marked[0] if marked else next(iter(case.images))


def image_of_file(case: Case, path: Path) -> str:
    """Name of the image that was read from ``path``, also where its folder has moved since."""
    same = [name for name, own in case.images.items() if own == path]
    alike = [name for name, own in case.images.items() if own.name == path.name]
    return (*same, *alike, *case.images)[0]


def stated_spacing(case: Case) -> float | None:
    """What the cohort says of the spacing, in mm; None where it says nothing."""
    text = case.facts.get(SPACING_FACT)
    if text is None:
        return None
    try:
        um = float(text)
    except ValueError:
        um = 0.0
    if not um > 0:
        raise DataError(
            f"case {case.id}: expected a size of pixels above 0 um in its fact {SPACING_FACT!r}, "
            f"got {text!r}; import it again with --spacing-um"
        )
    return um / 1000
