#!/usr/bin/env bash
# SimpleITK reads a NRRD in metres or micrometres as if it were in millimetres.
#
# Seen with SimpleITK 2.5.7 and pynrrd 1.1.3. The header field "space units" belongs to the format; microscopes and some converters
# write it. SimpleITK takes the bare numbers, keeps no sign of the unit in the metadata, and everything it measures is off by 1,000.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pynrrd==1.1.3 SimpleITK==2.5.7 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import nrrd
import numpy as np
import SimpleITK

for unit, step in (("mm", 0.5), ("m", 0.0005), ("um", 500.0)):  # half a millimetre, three times
    header = {
        "space": "left-posterior-superior",
        "space directions": np.eye(3) * step,
        "space origin": [0, 0, 0],
        "space units": [unit] * 3,
    }
    nrrd.write("half.nrrd", np.zeros((4, 4, 4), np.uint8), header=header)
    assert nrrd.read_header("half.nrrd")["space units"] == [unit] * 3
    image = SimpleITK.ReadImage("half.nrrd")
    said = [key for key in image.GetMetaDataKeys() if unit in image.GetMetaData(key).split()]
    print(f"{step:g} {unit}: SimpleITK spacing {image.GetSpacing()[0]:g}; metadata that name the unit: {said}")
    assert image.GetSpacing() == (step, step, step)
    assert said == []
PYTHON
