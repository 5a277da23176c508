"""Outlines of slides as DICOM's Microscopy Bulk Simple Annotations, beside the slide itself."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
from pydicom.sr.codedict import codes

from inklings import __version__
from inklings.errors import DataError
from inklings.exports.codes import meaning
from inklings.exports.dicom_seg import save
from inklings.exports.drawings import Drawings
from inklings.exports.headers import plain_text
from inklings.exports.identity import MAKER, dated, derived_uid, named, unnamed
from inklings.labels.outlines import Kind
from inklings.labels.pictures import NOT_HELD, Picture, dropped
from inklings.progress import note

_GRAPHICS: dict[Kind, str] = {
    "polygon": "POLYGON", "box": "RECTANGLE", "point": "POINT", "line": "POLYLINE",
}  # fmt: skip
_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"


class DicomAnn(Drawings):
    """``<case>.dcm``: a group of shapes for each class and kind, in pixels of the finest level.

    What a model predicted is called AUTOMATIC, labels of a cohort MANUAL, the only word of DICOM
    for what no algorithm is named for. Both bear the time of their file.
    """

    def drawn(self, pictures: Sequence[Picture], out: Path) -> Path:
        """Write one object a slide.

        Raises:
            DataError: If one is no slide of DICOM.
        """
        sources = [_source(picture) for picture in pictures]
        lost = Counter[str]()
        for picture, source in zip(pictures, sources, strict=True):
            groups = _groups(picture, lost)
            if groups:
                save(out / f"{picture.id}.dcm", _annotations(source, groups, picture.when))
            else:
                note(f"case {picture.id}: nothing is drawn, so there is no object to write")
        for said in dropped(lost):
            note(f"not written: {said}")
        return out


def _source(picture: Picture) -> pydicom.Dataset:
    """The header of the finest level of a slide."""
    path = picture.path
    if path is None or not path.is_file() or path.read_bytes()[128:132] != b"DICM":
        raise DataError(
            f"case {picture.id}: expected a slide of DICOM to refer to, got {picture.file}; export "
            "to geojson or dsa"
        )
    said = pydicom.dcmread(path, stop_before_pixels=True)
    if said.SOPClassUID != _SLIDE:
        raise DataError(f"case {picture.id}: {picture.file} is no whole slide of DICOM")
    return said


def _groups(picture: Picture, lost: Counter[str]) -> list[Any]:
    of: dict[tuple[str, Kind], list[Any]] = defaultdict(list)
    for one in picture.outlines:
        lost.update(k for k in ("annotator", "time") if getattr(one, k))
        lost.update(["holes"] if any(len(rings) > 1 for rings in one.polygons) else [])
        lost.update(["that parts are one object"] if one.parts else [])
        if one.kind == "choice":
            lost[NOT_HELD["choice"]] += 1
            continue
        for rings in one.polygons:
            corners = rings[0]
            if one.kind == "box":
                (y0, x0), (y1, x1) = corners
                corners = ((y0, x0), (y0, x1), (y1, x1), (y1, x0))
            places = np.array([(x + 0.5, y + 0.5) for y, x in corners], np.float32)
            of[one.name, one.kind].append(places)
    by = None
    if picture.predicted:
        by = hd.AlgorithmIdentificationSequence(
            name=MAKER, family=codes.DCM.ArtificialIntelligence, version=__version__
        )
    return [
        hd.ann.AnnotationGroup(
            number=number,
            uid=derived_uid("group", picture.id, name, kind),
            label=plain_text(name),
            annotated_property_category=meaning(name).category,
            annotated_property_type=meaning(name).type,
            graphic_type=_GRAPHICS[kind],
            graphic_data=shapes,
            algorithm_type="MANUAL" if by is None else "AUTOMATIC",
            algorithm_identification=by,
        )
        for number, ((name, kind), shapes) in enumerate(of.items(), 1)
    ]


def _annotations(source: pydicom.Dataset, groups: Sequence[Any], when: float) -> pydicom.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of source files that say less than the standard asks
        made = hd.ann.MicroscopyBulkSimpleAnnotations(
            source_images=[source],
            annotation_coordinate_type="2D",
            annotation_groups=groups,
            **unnamed(9000),
            manufacturer_model_name=MAKER,
            software_versions=__version__,
            device_serial_number="0",
            content_description=MAKER,
        )
    return named(dated(made, datetime.fromtimestamp(int(when))), "annotations")
