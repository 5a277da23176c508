"""DICOM series of phantoms: one file a slice, as scanners export them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from inklings.geometry import Geometry


@dataclass(frozen=True)
class SeriesText:
    """What the files of a series say of it, besides pixels and places.

    Attributes:
        key: Decides all UIDs: the same key gives the same series.
        patient: Id of the patient; there is no name.
        slope: Stored numbers times ``slope`` plus ``intercept`` are the values.
        bits: Of a stored number.
    """

    key: str
    patient: str
    modality: str = "MR"
    description: str = ""
    number: int = 1
    echo: float | None = None
    echo_number: int = 1
    slope: float | None = None
    intercept: float | None = None
    bits: int = 12


def uid(*parts: object) -> UID:
    """A UID that depends on nothing but ``parts`` (the 2.25 root, as of ISO 9834-8)."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")


def write_series(
    folder: Path,
    stored: NDArray[Any],
    geometry: Geometry,
    text: SeriesText,
    name: Callable[[int], str] = "{:04d}.dcm".format,
    instance: Callable[[int], int] = lambda index: index + 1,
) -> list[Path]:
    """Write one file a slice.

    Args:
        folder: Made if it is not there.
        stored: ``(Z, Y, X)``, whole numbers as they are stored.
        geometry: Where they lie; a leaning third axis is a tilted gantry.
        text: What else the files say.
        name: Index of a slice, along the third axis of the patient, to the name of its file.
        instance: Index of a slice to its instance number.

    Returns:
        The files, in order of index.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, plane in enumerate(stored):
        path = folder / name(index)
        dataset(plane, geometry, index, instance(index), text).save_as(
            path, enforce_file_format=True
        )
        paths.append(path)
    return paths


def dataset(
    plane: NDArray[Any], geometry: Geometry, index: int, instance: int, text: SeriesText
) -> FileDataset:
    """One slice ``(Y, X)`` as a data set that can be saved, or changed before."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage if text.modality == "CT" else MRImageStorage
    meta.MediaStorageSOPInstanceUID = uid(text.key, "instance", text.number, instance)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    said = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    said.SOPClassUID = meta.MediaStorageSOPClassUID
    said.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    said.StudyInstanceUID, said.FrameOfReferenceUID = uid(text.key, "study"), uid(text.key, "frame")
    said.SeriesInstanceUID = uid(text.key, "series", text.number)
    said.PatientID, said.PatientName, said.PatientIdentityRemoved = text.patient, "", "YES"
    said.DeidentificationMethod = "phantom: there is no patient"
    said.PatientBirthDate = said.PatientSex = said.AccessionNumber = ""
    said.ReferringPhysicianName = said.StudyID = said.StudyTime = said.StudyDate = ""
    said.Modality, said.Manufacturer = text.modality, "inklings phantom"
    said.SeriesDescription, said.SeriesNumber = text.description, text.number
    said.InstanceNumber, said.PatientPosition = instance, "HFS"
    said.PositionReferenceIndicator = said.Laterality = ""
    _acquisition(said, text)
    _place(said, geometry, index)
    _pixels(said, plane, text)
    return said


def _acquisition(said: pydicom.Dataset, text: SeriesText) -> None:
    """What the standard asks of a slice of its kind, nothing of which was ever measured."""
    if text.modality == "CT":
        said.ImageType, said.KVP, said.AcquisitionNumber = ["ORIGINAL", "PRIMARY", "AXIAL"], "", ""
        return
    said.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    said.ScanningSequence, said.SequenceVariant, said.ScanOptions = "GR", "NONE", ""
    said.MRAcquisitionType, said.RepetitionTime, said.EchoTrainLength = "2D", "", ""
    said.EchoTime = "" if text.echo is None else text.echo
    if text.echo is not None:
        said.EchoNumbers = text.echo_number


def _place(said: pydicom.Dataset, geometry: Geometry, index: int) -> None:
    z_mm, y_mm, x_mm = geometry.require_spacing()
    said.ImagePositionPatient = [round(v, 6) for v in geometry.to_points((index, 0, 0)).tolist()]
    said.ImageOrientationPatient = [round(v, 10) for v in geometry.axes[:, :2].T.ravel().tolist()]
    said.PixelSpacing = [round(y_mm, 8), round(x_mm, 8)]
    said.SliceThickness = said.SpacingBetweenSlices = round(z_mm, 6)


def _pixels(said: pydicom.Dataset, plane: NDArray[Any], text: SeriesText) -> None:
    said.Rows, said.Columns = plane.shape
    said.SamplesPerPixel, said.PhotometricInterpretation = 1, "MONOCHROME2"
    said.BitsAllocated = 8 * plane.dtype.itemsize
    said.BitsStored, said.HighBit = text.bits, text.bits - 1
    said.PixelRepresentation = int(np.issubdtype(plane.dtype, np.signedinteger))
    if text.slope is not None or text.intercept is not None:
        said.RescaleSlope, said.RescaleIntercept = text.slope or 1, text.intercept or 0
    said.PixelData = np.ascontiguousarray(plane).tobytes()
