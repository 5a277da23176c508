#!/usr/bin/env bash
# SimpleITK turns MONOCHROME1 round before it rescales, so numbers that have a unit change their meaning.
#
# Seen with SimpleITK 2.5.7 and pydicom 3.0.2. MONOCHROME1 says only that small numbers are shown bright. For a stored value v of
# 16 unsigned bits with slope 1 and intercept -1024 pydicom's rescale gives v - 1024; SimpleITK gives 65535 - v - 1024.
# A series that a workstation saved "inverted" is read as another patient's tissue, without a message.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pydicom==3.0.2 SimpleITK==2.5.7 numpy==2.4.6
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys

import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import FileMetaDataset
from pydicom.pixels import apply_rescale
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

for shown in ("MONOCHROME2", "MONOCHROME1"):
    image = pydicom.Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID, image.Modality = CTImageStorage, generate_uid(), "CT"
    image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
    image.ImagePositionPatient, image.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    image.PixelSpacing, image.SliceThickness = [1, 1], 1
    image.Rows, image.Columns, image.SamplesPerPixel = 2, 3, 1
    image.PhotometricInterpretation = shown
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
    image.RescaleSlope, image.RescaleIntercept = 1, -1024
    stored = np.array([[0, 1000, 1040], [1064, 1100, 2000]], np.uint16)
    image.PixelData = stored.tobytes()
    path = f"{sys.argv[1]}/{shown}.dcm"
    image.save_as(path, enforce_file_format=True)

    file = pydicom.dcmread(path)
    by_pydicom = apply_rescale(file.pixel_array, file).astype(int)
    by_itk = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path))[0].astype(int)
    print(f"{shown}: pydicom {by_pydicom.ravel().tolist()}, SimpleITK {by_itk.ravel().tolist()}")
    assert (by_pydicom == stored.astype(int) - 1024).all()
    turned = 65535 - stored.astype(int) if shown == "MONOCHROME1" else stored.astype(int)
    assert (by_itk == turned - 1024).all()
PYTHON
