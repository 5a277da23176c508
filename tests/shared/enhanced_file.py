"""A volume in one file of many frames, stored from the last plane to the first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom

from inklings.geometry import Geometry
from inklings.simulation.phantoms.dicom_files import SeriesText, dataset


def write_enhanced(path: Path, stored: np.ndarray, geometry: Geometry) -> Path:
    """Write ``stored (Z, Y, X)`` as an enhanced MR image; returns ``path``."""
    said = dataset(stored[0], geometry, 0, 1, SeriesText("many", "P1", bits=16))
    kind = pydicom.uid.EnhancedMRImageStorage
    said.SOPClassUID = said.file_meta.MediaStorageSOPClassUID = kind
    said.NumberOfFrames, said.PixelData = len(stored), stored[::-1].tobytes()
    measures, turned, shared = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing, measures.SliceThickness = said.PixelSpacing, said.SliceThickness
    turned.ImageOrientationPatient = said.ImageOrientationPatient
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [turned]
    said.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for index in reversed(range(len(stored))):
        place, frame = pydicom.Dataset(), pydicom.Dataset()
        point = geometry.to_points((index, 0, 0)).tolist()
        place.ImagePositionPatient = [round(value, 6) for value in point]
        frame.PlanePositionSequence = [place]
        frames.append(frame)
    said.PerFrameFunctionalGroupsSequence = frames
    for word in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(said, word)
    said.save_as(path, enforce_file_format=True)
    return path
