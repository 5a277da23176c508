"""Contours for radiotherapy: DICOM RT Structure Sets, a region of interest a class.

A contour runs midway between the samples inside and outside, on the plane of its slice (PS3.3,
A.19). The standard knows no holes: an inner outline is joined to the outer one by a channel of no
width, so one closed contour says both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage

from inklings.exports.codes import distinct, meaning
from inklings.exports.dicom_seg import Made, made, marked, save
from inklings.exports.geojson import polygons, signed_area
from inklings.exports.headers import plain_text, usable
from inklings.exports.identity import MAKER, begun, dated, named
from inklings.exports.scan import ExportedScan, datasets, scans
from inklings.exports.source import Exporter, ExportSource
from inklings.readers.dicom_headers import Plane

Ring = NDArray[np.float64]


class RtStruct(Exporter):
    """``<case>.dcm``: one structure set a case, one region of interest a class."""

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write one file a case into ``out``."""
        found = scans(source)
        planes = {case: scan.planes() for case, scan in found.items()}
        for prediction, masks, path in marked(source, out):
            case, by = prediction.case, made(source, prediction)
            save(path, structures(found[case], planes[case], masks, source.head.classes, by))
        return out


def structures(
    scan: ExportedScan,
    planes: Sequence[Plane],
    masks: NDArray[np.bool_],
    names: Sequence[str],
    by: Made,
) -> pydicom.Dataset:
    """A structure set of ``masks (K, Z, Y, X)`` on the planes of a series.

    Args:
        scan: Its grid.
        planes: Of the series, in the order of the grid.
        masks: One for each of ``names``.
        names: Of the regions of interest.
        by: Who made them, and when.

    Raises:
        DataError: If the files of the series lack what an object that refers to them must say.
    """
    files = usable(planes)
    said = _head(files[0], by)
    said.ReferencedFrameOfReferenceSequence = [_frame(files)]
    said.StructureSetROISequence, said.ROIContourSequence = [], []
    said.RTROIObservationsSequence = []
    frame = str(files[0].FrameOfReferenceUID)
    colours = distinct([meaning(name).colour for name in names])
    for number, (name, mask) in enumerate(zip(names, masks, strict=True), 1):
        roi, drawn, seen = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, plain_text(name)
        roi.ReferencedFrameOfReferenceUID, roi.ROIGenerationAlgorithm = frame, "AUTOMATIC"
        drawn.ROIDisplayColor, drawn.ReferencedROINumber = list(colours[number - 1]), number
        drawn.ContourSequence = _contours(scan, planes, mask)
        seen.ObservationNumber = seen.ReferencedROINumber = number
        seen.RTROIInterpretedType = seen.ROIInterpreter = ""
        said.StructureSetROISequence.append(roi)
        said.ROIContourSequence.append(drawn)
        said.RTROIObservationsSequence.append(seen)
    dated(said, by.when)
    del said.ContentDate, said.ContentTime  # the standard gives structure sets a date of their own
    return named(said, "structures")


def _head(file: pydicom.Dataset, by: Made) -> pydicom.Dataset:
    # A contour may take more than the 64 kB that a value in decimals has in an explicit syntax.
    said = begun(file, RTStructureSetStorage, ImplicitVRLittleEndian, "RTSTRUCT", 9200)
    said.FrameOfReferenceUID = file.FrameOfReferenceUID
    said.PositionReferenceIndicator = file.PositionReferenceIndicator
    said.SeriesDescription, said.StructureSetLabel = f"{MAKER}: contours", MAKER
    said.StructureSetDescription = plain_text(
        ", ".join(f"{k} {v}" for k, v in by.words.items()), 1024
    )
    said.StructureSetDate, said.StructureSetTime = (
        by.when.strftime("%Y%m%d"), by.when.strftime("%H%M%S"),
    )  # fmt: skip
    said.OperatorsName, said.ApprovalStatus = "", "UNAPPROVED"
    return said


def _frame(files: Sequence[pydicom.Dataset]) -> Dataset:
    """The series that was drawn on, and every slice of it."""
    frame, study, series = Dataset(), Dataset(), Dataset()
    frame.FrameOfReferenceUID = files[0].FrameOfReferenceUID
    study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"  # retired, and still asked for
    study.ReferencedSOPInstanceUID = files[0].StudyInstanceUID
    series.SeriesInstanceUID = files[0].SeriesInstanceUID
    series.ContourImageSequence = [_image(str(f.SOPClassUID), str(f.SOPInstanceUID)) for f in files]
    study.RTReferencedSeriesSequence = [series]
    frame.RTReferencedStudySequence = [study]
    return frame


def _image(kind: str, uid: str, frame: int | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = kind, uid
    if frame is not None:
        item.ReferencedFrameNumber = frame
    return item


def _contours(
    scan: ExportedScan, planes: Sequence[Plane], mask: NDArray[np.bool_]
) -> list[Dataset]:
    found = []
    kind = str(next(datasets((planes[0],))).SOPClassUID)
    for place in np.flatnonzero(mask.any((1, 2))).tolist():
        plane = planes[place]
        number = plane.frame + 1 if plane.coding.frames > 1 else None
        for rings in polygons(mask[place]):
            ring = keyholed([r - 0.5 for r in rings])[:-1]
            indices = np.column_stack([np.full(len(ring), place), ring[:, ::-1]])
            points = scan.geometry.to_points(indices)
            item = Dataset()
            item.ContourImageSequence = [_image(kind, plane.sop, number)]
            item.ContourGeometricType, item.NumberOfContourPoints = "CLOSED_PLANAR", len(points)
            item.ContourData = [f"{value:.4f}" for value in points.ravel()]
            found.append(item)
    return found


def keyholed(rings: Sequence[Ring]) -> Ring:
    """One closed ring that says an outline and its holes.

    A channel leaves a hole to the left, at a quarter of a sample beside the middles of samples,
    so that no sample ever lies on it.

    Args:
        rings: Closed, ``(N, 2)`` of ``(x, y)``, the outer one first.
    """
    outer = rings[0]
    outward = signed_area(outer) > 0
    for hole in sorted(rings[1:], key=lambda ring: float(ring[:, 0].min())):
        turned = hole[::-1] if (signed_area(hole) > 0) == outward else hole
        middles = (turned[:-1] + turned[1:]) / 2
        first = int(middles[:, 0].argmin())
        start = middles[first]
        around = np.concatenate([[start], turned[first + 1 : -1], turned[: first + 1], [start]])
        at, end = _to_the_left(outer, start)
        outer = np.concatenate([outer[: at + 1], [end], around, [end], outer[at + 1 :]])
    return outer


def _to_the_left(ring: Ring, start: NDArray[np.float64]) -> tuple[int, NDArray[np.float64]]:
    """The segment of a ring that is met first from a point inside, and where."""
    (x, y), (one, other) = start, (ring[:-1], ring[1:])
    crossing = np.flatnonzero((one[:, 1] <= y) != (other[:, 1] <= y))
    share = (y - one[crossing, 1]) / (other[crossing, 1] - one[crossing, 1])
    met = one[crossing, 0] + share * (other[crossing, 0] - one[crossing, 0])
    nearest = int(np.where(met < x, met, -np.inf).argmax())
    return int(crossing[nearest]), np.array([met[nearest], y])
