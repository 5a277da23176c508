#!/usr/bin/env bash
# ITK and nibabel place one NIfTI file in two places where its sform and qform disagree.
#
# Seen with nibabel 5.4.2 and SimpleITK 2.5.7 (ITK 5.4): nibabel always takes the sform when its code is above 0.
# ITK takes the sform only when its code is 1 (scanner); with code 2 (aligned) and a qform of code 1 it takes the qform.
# A mask that an ITK program wrote for such a file therefore lies elsewhere than the image as nibabel reads it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check nibabel==5.4.2 SimpleITK==2.5.7 numpy==2.4.6
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys

import nibabel
import numpy as np
import SimpleITK

for sform_code, expected in ((1, "sform"), (2, "qform")):
    image = nibabel.Nifti1Image(np.zeros((4, 4, 4), np.int16), None)
    moved = np.eye(4)
    moved[:3, 3] = 30
    image.set_sform(moved, sform_code)
    image.set_qform(np.eye(4), 1)
    path = f"{sys.argv[1]}/{sform_code}.nii"
    image.to_filename(path)
    by_nibabel = nibabel.load(path).affine[:3, 3].tolist()
    by_itk = [-1, -1, 1] * np.array(SimpleITK.ReadImage(path).GetOrigin()) + 0.0
    print(f"sform code {sform_code}: nibabel {by_nibabel}, ITK {by_itk.tolist()} (RAS, mm)")
    assert by_nibabel == [30, 30, 30]
    assert by_itk.tolist() == ([30, 30, 30] if expected == "sform" else [0, 0, 0])
PYTHON
