"""UIDs of new DICOM objects, made from all that they say: other content has another name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID

from inklings import __version__

MAKER = "inklings"
UNNAMED = UID("2.25.0")
"""Stands where the name of an object will, until all of its content is there."""

_PATIENT_AND_STUDY = (
    "SpecificCharacterSet", "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber",
    "ReferringPhysicianName", "PatientIdentityRemoved", "DeidentificationMethod",
)  # fmt: skip


def derived_uid(*parts: str) -> UID:
    """A UID that depends on nothing but ``parts`` (the 2.25 root, ISO/IEC 9834-8)."""
    digest = hashlib.sha256("/".join((MAKER, *parts)).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")


def unnamed(series: int) -> dict[str, Any]:
    """What objects of highdicom are told of themselves until they are `named`.

    Args:
        series: Its number.
    """
    return {
        "series_instance_uid": UNNAMED,
        "series_number": series,
        "sop_instance_uid": UNNAMED,
        "instance_number": 1,
        "manufacturer": MAKER,
    }


def begun(
    file: pydicom.Dataset, kind: UID, syntax: UID, modality: str, series: int
) -> pydicom.Dataset:
    """An object of a series of its own in the patient and study of a file, until it is `named`.

    Args:
        file: Of the study, with values that are valid.
        kind: UID of its class.
        syntax: UID of the transfer syntax that it will be written in.
        modality: Of the object.
        series: Number of its series.
    """
    said = Dataset()
    for word in _PATIENT_AND_STUDY:
        if word in file:
            said[word] = file[word]
    said.SOPClassUID, said.SOPInstanceUID, said.SeriesInstanceUID = kind, UNNAMED, UNNAMED
    said.SeriesNumber, said.InstanceNumber, said.Modality = series, 1, modality
    said.Manufacturer = said.ManufacturerModelName = MAKER
    said.SoftwareVersions = __version__
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, UNNAMED
    meta.TransferSyntaxUID = syntax
    said.file_meta = meta
    return said


def named(made_object: pydicom.Dataset, what: str) -> pydicom.Dataset:
    """Give an object and its series their UIDs: those of its content.

    Everything counts, thresholds and times as well as samples, so one UID never names two
    contents, and the same content has the same UID again.

    Args:
        made_object: With `UNNAMED` where its own UIDs will stand.
        what: Kind of the object, in a word.
    """
    digest = _digest(made_object)
    names = {
        "SOPInstanceUID": derived_uid(what, digest),
        "SeriesInstanceUID": derived_uid(f"{what} series", digest),
    }
    for word, uid in names.items():
        setattr(made_object, word, uid)
    made_object.file_meta.MediaStorageSOPInstanceUID = names["SOPInstanceUID"]
    organised = derived_uid(f"{what} dimensions", digest)
    for item in _dimensions(made_object):
        item.DimensionOrganizationUID = organised
    return made_object


def dated(made_object: pydicom.Dataset, when: datetime) -> pydicom.Dataset:
    """With the time at which the content was made, not that at which the file is written."""
    for word in ("ContentDate", "SeriesDate", "InstanceCreationDate"):
        setattr(made_object, word, when.strftime("%Y%m%d"))
    for word in ("ContentTime", "SeriesTime", "InstanceCreationTime"):
        setattr(made_object, word, when.strftime("%H%M%S"))
    for equipment in made_object.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = when.strftime("%Y%m%d%H%M%S")
    return made_object


def _digest(made_object: pydicom.Dataset) -> str:
    for item in _dimensions(made_object):
        item.DimensionOrganizationUID = UNNAMED
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, True
    write_dataset(out, made_object)
    return hashlib.sha256(out.getvalue()).hexdigest()


def _dimensions(made_object: pydicom.Dataset) -> Iterator[pydicom.Dataset]:
    """Where a random UID of how frames are ordered stands."""
    yield from made_object.get("DimensionOrganizationSequence", ())
    yield from made_object.get("DimensionIndexSequence", ())
