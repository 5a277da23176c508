"""Series, segmentations and structure sets as other programs write them, small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from inklings.cohorts.cohort import Cohort
from inklings.datasets.dicom_studies import DicomStudies
from inklings.datasets.importing import Report, run
from inklings.geometry import Geometry
from inklings.labels.files import read_mask
from inklings.readers import open_image
from inklings.simulation.phantoms.dicom_files import SeriesText, write_series

GRID = Geometry((8, 22, 18), (3.0, 0.8, 1.1), (5.0, -3.0, 11.0))
STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
Points = Sequence[Sequence[float]]


def turned(degrees: float, axis: int) -> Geometry:
    """The grid turned about x (0), y (1) or z (2)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    a, b = (k for k in range(3) if k != axis)
    matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = c, -s, s, c
    return replace(GRID, direction=tuple(map(tuple, matrix.tolist())))


def leaning(degrees: float) -> Geometry:
    """The grid of a tilted gantry: slices step along y too."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.array([[1, 0, 0], [0, 1, s], [0, 0, c]])
    return replace(GRID, direction=tuple(map(tuple, matrix.tolist())))


def series(
    folder: Path,
    geometry: Geometry = GRID,
    key: str = "x",
    number: int = 1,
    patient: str = "P",
    change: Callable[[pydicom.Dataset], None] | None = None,
) -> list[pydicom.Dataset]:
    """Write a series; its files, in the order of its planes."""
    values = np.random.default_rng(number).integers(0, 900, geometry.shape).astype(np.uint16)
    text = SeriesText(key, patient, modality="MR", description=f"T{number}", number=number, bits=16)
    paths = write_series(folder, values, geometry, text)
    for path in paths if change else ():
        said = pydicom.dcmread(path)
        change(said)
        said.file_meta.MediaStorageSOPInstanceUID = said.SOPInstanceUID
        said.save_as(path)
    return [pydicom.dcmread(path) for path in paths]


def described(number: int, name: str) -> SegmentDescription:
    who = AlgorithmIdentificationSequence("x", codes.DCM.ArtificialIntelligence, "1")
    return SegmentDescription(
        number, name, codes.SCT.Organ, codes.SCT.Liver, "AUTOMATIC", algorithm_identification=who
    )


def seg(
    path: Path,
    files: Sequence[pydicom.Dataset],
    masks: np.ndarray,
    names: Sequence[str],
    kind: str = "BINARY",
    change: Callable[[pydicom.Dataset], None] | None = None,
    **options: object,
) -> Path:
    """A Segmentation by highdicom: ``masks`` is ``(K, Z, Y, X)``, or numbers ``(Z, Y, X)``."""
    pixels = masks
    if masks.ndim == 4:
        pixels = np.moveaxis(masks, 0, -1)
        pixels = pixels.astype(np.uint8 if pixels.dtype == bool else pixels.dtype)
    made = Segmentation(
        list(files), pixels, kind, [described(k, name) for k, name in enumerate(names, 1)],
        highdicom.UID(), 5, highdicom.UID(), 1, "m", "n", "1", "s", **options,
    )  # fmt: skip
    if change:
        change(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path)
    return path


Contour = tuple[str, np.ndarray]
"""Kind and points ``(N, 3)`` in mm."""


def structures(
    path: Path,
    files: Sequence[pydicom.Dataset],
    regions: Sequence[tuple[str, Sequence[Contour]]],
    change: Callable[[pydicom.Dataset], None] | None = None,
) -> Path:
    """An RT Structure Set on a series, written attribute by attribute with pydicom."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = STRUCTURES, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    said = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    said.SOPClassUID, said.SOPInstanceUID = STRUCTURES, meta.MediaStorageSOPInstanceUID
    said.Modality, said.PatientID = "RTSTRUCT", files[0].PatientID
    said.StudyInstanceUID, said.SeriesInstanceUID = files[0].StudyInstanceUID, generate_uid()
    said.StructureSetLabel = "outlines"
    said.ReferencedFrameOfReferenceSequence = [_frame(files)]
    said.StructureSetROISequence, said.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(regions, 1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        roi.ReferencedFrameOfReferenceUID = files[0].FrameOfReferenceUID
        drawn.ReferencedROINumber, drawn.ContourSequence = number, []
        for kind, points in contours:
            item = Dataset()
            item.ContourGeometricType, item.NumberOfContourPoints = kind, len(points)
            item.ContourData = [f"{value:.4f}" for value in np.asarray(points).ravel()]
            drawn.ContourSequence.append(item)
        said.StructureSetROISequence.append(roi)
        said.ROIContourSequence.append(drawn)
    if change:
        change(said)
    path.parent.mkdir(parents=True, exist_ok=True)
    said.save_as(path, enforce_file_format=True)
    return path


def _frame(files: Sequence[pydicom.Dataset]) -> Dataset:
    frame, study, one = Dataset(), Dataset(), Dataset()
    frame.FrameOfReferenceUID = files[0].FrameOfReferenceUID
    one.SeriesInstanceUID, one.ContourImageSequence = files[0].SeriesInstanceUID, []
    for file in files:
        image = Dataset()
        image.ReferencedSOPClassUID = file.SOPClassUID
        image.ReferencedSOPInstanceUID = file.SOPInstanceUID
        one.ContourImageSequence.append(image)
    study.ReferencedSOPInstanceUID = files[0].StudyInstanceUID
    study.RTReferencedSeriesSequence = [one]
    frame.RTReferencedStudySequence = [study]
    return frame


def on_plane(geometry: Geometry, place: float, corners: Points) -> np.ndarray:
    """Corners ``(y, x)`` in samples on a plane, as points in mm."""
    flat = np.asarray(corners, float)
    indices = np.column_stack([np.full(len(flat), place), flat])
    return geometry.to_points(indices)


def square(low: float, high: float) -> list[list[float]]:
    return [[low, low], [low, high], [high, high], [high, low]]


def imported(root: Path, out: Path, **options: object) -> Report:
    return run(DicomStudies(root, **options), out, 1)


def counts(cohort: Cohort) -> dict[str, dict[str, int]]:
    """Samples of each class by the description of the series; nothing where unlabelled."""
    found = {}
    for case in cohort:
        key = case.facts.get("description", case.id)
        for label in case.labels:
            mask = read_mask(label.path)
            found[key] = {n: int((mask == k).sum()) for k, n in enumerate(label.classes, 1)}
    return found


def codes_of(cohort: Cohort) -> np.ndarray:
    """Codes of the only case that has labels."""
    (case,) = [case for case in cohort if case.labels]
    return read_mask(case.labels[0].path)


def grid_of(folder: Path) -> Geometry:
    with open_image(folder) as image:
        return image.geometry
