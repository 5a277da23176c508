"""Small DICOM files as scanners and archives write them, each a little off the usual."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

SHAPE = (6, 8, 10)
"""Slices, rows and columns."""
STEP, SPACING = 2.5, (0.9, 0.8)
ORIGIN = (-20.0, -30.0, 40.0)
RAMP = (np.arange(480, dtype=np.uint16) * 7 % 1009).reshape(SHAPE)
CT, MR, PT = (f"1.2.840.10008.5.1.4.1.1.{n}" for n in ("2", "4", "128"))
NM, DOSE, US_CINE = (f"1.2.840.10008.5.1.4.1.1.{n}" for n in ("20", "481.2", "3.1"))
CR, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.4.1"

Change = Callable[[FileDataset, int], None]


def slice_of(
    pixels: np.ndarray, index: int, modality: str = "MR", uid: str = "1.2.3.4", **said: Any
) -> FileDataset:
    """One slice, an axial one, ``index`` steps from the first."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = {"CT": CT, "PT": PT, "CR": CR}.get(modality, MR)
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID,
    )  # fmt: skip
    file.SeriesInstanceUID, file.StudyInstanceUID = uid, "1.2.3"
    file.FrameOfReferenceUID, file.PatientID, file.Modality = "1.2.3.9", "P", modality
    file.SeriesNumber, file.InstanceNumber = 1, index + 1
    file.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    file.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    file.ImagePositionPatient = [ORIGIN[0], ORIGIN[1], ORIGIN[2] + STEP * index]
    file.PixelSpacing, file.SliceThickness = list(SPACING), STEP
    file.Rows, file.Columns = pixels.shape[-2:]
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated = file.BitsStored = 8 * pixels.dtype.itemsize
    file.HighBit = file.BitsStored - 1
    file.PixelRepresentation = int(pixels.dtype.kind == "i")
    if modality == "CT":
        file.RescaleSlope, file.RescaleIntercept = 1, -1024
    file.PixelData = np.ascontiguousarray(pixels).tobytes()
    for word, value in said.items():
        setattr(file, word, value)
    return file


def series(
    folder: Path,
    change: Change | None = None,
    modality: str = "MR",
    pixels: np.ndarray = RAMP,
    name: str = "IM{:03}",
    **said: Any,
) -> Path:
    """A folder of slices, each changed by ``change(file, index)``."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, plane in enumerate(pixels):
        file = slice_of(plane, index, modality, **said)
        if change is not None:
            change(file, index)
        file.save_as(folder / name.format(index), enforce_file_format=True)
    return folder


def multi(path: Path, uid: str, modality: str, pixels: np.ndarray, *lost: str, **said: Any) -> Path:
    """One file of many frames, without the attributes ``lost``."""
    file = slice_of(pixels[0], 0, modality, **said)
    file.SOPClassUID = file.file_meta.MediaStorageSOPClassUID = uid
    file.NumberOfFrames, file.PixelData = len(pixels), np.ascontiguousarray(pixels).tobytes()
    for word in lost:
        delattr(file, word)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path, enforce_file_format=True)
    return path


def item(**said: Any) -> pydicom.Dataset:
    """An item of a sequence."""
    found = pydicom.Dataset()
    for word, value in said.items():
        setattr(found, word, value)
    return found


def private(
    file: pydicom.Dataset, group: int, creator: str, element: int, form: str, value: Any
) -> None:
    """An element of a vendor."""
    file.private_block(group, creator, create=True).add_new(element, form, value)


def csa(**items: Sequence[float]) -> bytes:
    """The vendor's header of a Siemens image, second form."""
    out = b"SV10\4\3\2\1" + struct.pack("<II", len(items), 77)
    for name, values in items.items():
        texts = [f"{v:.8f}".encode() + b"\0" for v in values]
        out += struct.pack("<64si4siii", name.encode(), len(texts), b"FD", 4, len(texts), 77)
        for text in texts:
            out += struct.pack("<iiii", 0, len(text), 77, 0) + text + b"\0" * (-len(text) % 4)
    return out


def mosaic(volume: np.ndarray) -> np.ndarray:
    """Slices side by side in a square, row by row."""
    count, rows, columns = volume.shape
    side = int(np.ceil(np.sqrt(count)))
    out = np.zeros((side * rows, side * columns), volume.dtype)
    for k, plane in enumerate(volume):
        row, column = divmod(k, side)
        out[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns] = plane
    return out
