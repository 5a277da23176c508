#!/usr/bin/env bash
# rt-utils writes structure sets with the two pixel spacings exchanged; its own reader hides it.
#
# Seen with rt-utils 1.2.7 and pydicom 3.0.2. PixelSpacing is (between rows, between columns). A contour point of column c lies at
# x = origin + c x PixelSpacing[1]; rt-utils takes PixelSpacing[0] for it. Its own loader exchanges them once more, so a round trip
# gives the mask back and only other programs see the structure in the wrong place. Square pixels show nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check rt-utils==1.2.7 pydicom==3.0.2 numpy==2.4.6
mkdir "$work/series"
"$work/venv/bin/python" - "$work/series" "$work/structures.dcm" <<'PYTHON'
import sys

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from rt_utils import RTStructBuilder

study, series, frame = generate_uid(), generate_uid(), generate_uid()
for number in range(3):
    image = pydicom.Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID, image.Modality = CTImageStorage, generate_uid(), "CT"
    image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, frame
    image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = "A^B", "1", "", ""
    image.StudyDate, image.StudyTime, image.StudyID, image.AccessionNumber = "20200101", "000000", "1", ""
    image.InstanceNumber = number + 1
    image.ImagePositionPatient = [0, 0, 2 * number]
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.PixelSpacing, image.SliceThickness = [1, 3], 2  # rows 1 mm apart, columns 3 mm
    image.Rows, image.Columns, image.SamplesPerPixel = 40, 40, 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
    image.PixelData = bytes(40 * 40 * 2)
    image.save_as(f"{sys.argv[1]}/{number}.dcm", enforce_file_format=True)

mask = np.zeros((40, 40, 3), bool)
mask[5:15, 20:25] = True  # y 5 to 14 mm, x 60 to 72 mm
structures = RTStructBuilder.create_new(dicom_series_path=sys.argv[1])
structures.add_roi(mask=mask, name="box")
structures.save(sys.argv[2])

contour = pydicom.dcmread(sys.argv[2]).ROIContourSequence[0].ContourSequence[0].ContourData
x, y, _ = np.array(contour, float).reshape(-1, 3).T
print(f"expected x 60 to 72, y 5 to 14 mm; written x {x.min():g} to {x.max():g}, y {y.min():g} to {y.max():g} mm")
assert (x.min(), x.max(), y.min(), y.max()) == (20, 24, 15, 42)
again = RTStructBuilder.create_from(dicom_series_path=sys.argv[1], rt_struct_path=sys.argv[2])
back = again.get_roi_mask_by_name("box")
print(f"its own round trip: {int((back & mask).sum())} of {int(mask.sum())} pixels")
assert (back & mask).sum() == mask.sum()
PYTHON
