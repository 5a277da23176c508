"""DICOM Segmentations of whole slides: every part of a segment is an outline.

Tiles are put together by highdicom, full or sparse, binary, fractional or as a label map. The
grid may be a coarser level of the slide, see `Drawing.size`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inklings.errors import LabelError
from inklings.labels.outlines import Drawing, Outline
from inklings.labels.trace import polygons_of
from inklings.readers.dicom_segments import segment_names

if TYPE_CHECKING:
    import pydicom

_MOST = 400_000_000
"""Pixels of a segmentation; its parts are numbered in memory."""


def drawing(said: pydicom.Dataset) -> Drawing:
    """What a segmentation shows, in shares of the sides of the slide.

    Raises:
        LabelError: If it is none of a slide, or too fine for memory.
    """
    from highdicom.seg import Segmentation

    if "TotalPixelMatrixColumns" not in said:
        raise LabelError("a segmentation of planes in the patient; see 'inklings import dicom'")
    size = (int(said.TotalPixelMatrixRows), int(said.TotalPixelMatrixColumns))
    if size[0] * size[1] > _MOST:
        raise LabelError(
            f"a segmentation of {size[1]} x {size[0]} pixels; expected {_MOST:,} at most: write "
            "it on a coarser level of the slide"
        )
    names = segment_names(said)
    names.pop(0, None)
    found = Segmentation.from_dataset(said, copy=False)
    when = f"{said.get('ContentDate', '')}{said.get('ContentTime', '')}"
    outlines: list[Outline] = []
    odd: list[str] = []
    for number, name in names.items():
        matrix = np.asarray(found.get_total_pixel_matrix(segment_numbers=[number]))[..., 0]
        parts = polygons_of(matrix >= 0.5)
        if not parts:
            odd.append(f"segment {number} ({name}): is empty")
        for rings in parts:
            shares = tuple(
                tuple(((y + 0.5) / size[0], (x + 0.5) / size[1]) for y, x in ring) for ring in rings
            )
            outlines.append(Outline(name, shares, time=when))
    fractions = str(said.get("SegmentationType")) == "FRACTIONAL"
    lost = ("fractions: half and more counts as inside",) * fractions
    return Drawing(tuple(outlines), tuple(odd), "slide", size, lost, relative=True)
