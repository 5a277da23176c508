"""DICOM's Microscopy Bulk Simple Annotations (Supplement 222): groups of shapes of one kind.

Coordinates count from the corner of the total pixel matrix. Places in millimetres on the glass
(3D) need the slide's own place and are refused.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from inklings.errors import LabelError
from inklings.labels import dicom_seg
from inklings.labels.gathered import gathered
from inklings.labels.outlines import Drawing, Outline, box, line, point, polygon
from inklings.labels.shapes import ellipse
from inklings.readers.dicom_codecs import dicom_errors
from inklings.readers.dicom_files import SEGMENTATIONS

if TYPE_CHECKING:
    import pydicom

_CLASS = "1.2.840.10008.5.1.4.1.1.91.1"


def knows(data: bytes) -> bool:
    """Whether a file is one of DICOM, by its first bytes."""
    return data[128:132] == b"DICM"


def read(data: bytes) -> Drawing:
    """What is drawn on the slide that a file is named after.

    Raises:
        LabelError: If it is another object of DICOM, damaged, or counts in millimetres.
    """
    import pydicom

    try:
        return _drawing(pydicom.dcmread(io.BytesIO(data)))
    except dicom_errors() as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise LabelError(f"damaged DICOM ({words})") from None


def _drawing(said: pydicom.Dataset) -> Drawing:
    from highdicom.ann import MicroscopyBulkSimpleAnnotations
    from pydicom.uid import UID

    kind = str(said.get("SOPClassUID", ""))
    if kind in SEGMENTATIONS:
        return dicom_seg.drawing(said)
    if kind != _CLASS:
        name = UID(kind).name
        raise LabelError(
            f"expected bulk annotations (ANN) or a segmentation (SEG) of DICOM, got "
            f"{name or 'no object'}"
        )
    found = MicroscopyBulkSimpleAnnotations.from_dataset(said, copy=False)
    groups = found.get_annotation_groups()
    if str(found.annotation_coordinate_type.value) != "2D":
        raise LabelError("annotations in millimetres on the glass (3D); export them in pixels (2D)")
    if said.get("PixelOriginInterpretation", "VOLUME") != "VOLUME":
        raise LabelError("annotations that count within frames, expected the whole slide (VOLUME)")
    when = f"{said.get('ContentDate', '')}{said.get('ContentTime', '')}"

    def one(group: Any) -> list[Outline | str]:
        graphic = str(group.graphic_type.value)
        return [
            outline
            for places in group.get_graphic_data("2D")
            for outline in _shape(graphic, str(group.label), np.asarray(places, float), when)
        ]

    outlines, odd = gathered(groups, one, "group")
    return Drawing(tuple(outlines), tuple(odd), "slide")


def _shape(graphic: str, name: str, places: np.ndarray, when: str) -> Iterator[Outline]:
    if graphic == "POINT":
        yield point(name, places[0].tolist(), at=when)
    elif graphic == "POLYLINE":
        yield Outline(name, (line(places.tolist()),), "line", time=when)
    elif graphic == "ELLIPSE":  # ends of the long axis, then of the short one
        centre, axes = places.mean(0), (places[1::2] - places[::2]) / 2
        turns = np.array(ellipse([(-1, -1), (1, 1)]))
        yield polygon(name, [(centre + turns @ axes).tolist()], at=when)
    elif graphic == "RECTANGLE" and all(len(set(side)) == 2 for side in places.T.tolist()):
        yield box(name, places.min(0).tolist(), places.max(0).tolist(), at=when)
    elif graphic in ("RECTANGLE", "POLYGON"):
        yield polygon(name, [places.tolist()], at=when)
    else:
        raise LabelError(f"shapes of type {graphic}, which is not supported")
