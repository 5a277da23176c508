#!/usr/bin/env bash
# SimpleITK reads a dose grid without its scale: 2 Gy comes as 2000, and nothing in the image says so.
#
# Seen with SimpleITK 2.5.7 and pydicom 3.0.2. A slope of a CT (RescaleSlope) is applied by the same reader, so one expects
# DoseGridScaling (3004,000E) to be applied too, as the standard asks (C.8.8.3: dose = stored value x scaling).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pydicom==3.0.2 SimpleITK==2.5.7 numpy==2.4.6
"$work/venv/bin/python" - "$work/dose.dcm" <<'PYTHON'
import sys

import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTDoseStorage, generate_uid

dose = pydicom.Dataset()
dose.file_meta = FileMetaDataset()
dose.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
dose.SOPClassUID, dose.SOPInstanceUID, dose.Modality = RTDoseStorage, generate_uid(), "RTDOSE"
dose.StudyInstanceUID, dose.SeriesInstanceUID = generate_uid(), generate_uid()
dose.FrameOfReferenceUID = generate_uid()
dose.ImagePositionPatient, dose.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
dose.PixelSpacing, dose.SliceThickness = [1, 1], None
dose.Rows, dose.Columns, dose.NumberOfFrames = 4, 5, 3
dose.FrameIncrementPointer, dose.GridFrameOffsetVector = 0x3004000C, [0, 2.5, 5]
dose.SamplesPerPixel, dose.PhotometricInterpretation = 1, "MONOCHROME2"
dose.BitsAllocated, dose.BitsStored, dose.HighBit, dose.PixelRepresentation = 32, 32, 31, 0
dose.DoseUnits, dose.DoseType, dose.DoseSummationType = "GY", "PHYSICAL", "PLAN"
dose.DoseGridScaling = "0.001"
dose.PixelData = np.full((3, 4, 5), 2000, np.uint32).tobytes()
dose.save_as(sys.argv[1], enforce_file_format=True)

read = SimpleITK.ReadImage(sys.argv[1])
largest = SimpleITK.GetArrayViewFromImage(read).max()
print(f"stored 2000 x 0.001 Gy; SimpleITK: {largest}, spacing {read.GetSpacing()}")
assert largest == 2000
assert read.GetSpacing() == (1.0, 1.0, 2.5)
PYTHON
