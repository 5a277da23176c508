#!/usr/bin/env bash
# Label Studio's BRUSH_TO_COCO export fills holes, drops one-pixel lines, and gives a 3 x 3 square an area of 4.
#
# Seen with label-studio-sdk 2.1.2 and pycocotools 2.0.11. A brush label is a mask, COCO can hold masks as run lengths, and the export is
# the one made for brushes. One would expect the same pixels back. It writes the outer contours that OpenCV draws through pixel centres:
# what they surround is object, contours of two points are left out, and "area" is the area between the centres. No warning, no error.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check label-studio-sdk==2.1.2 pycocotools==2.0.11
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json

import numpy as np
from label_studio_sdk.converter import Converter
from label_studio_sdk.converter.brush import decode_rle, mask2rle
from pycocotools.coco import COCO

side = 64
drawn = {"ring": np.zeros((side, side), np.uint8)}
drawn["square"], drawn["line"] = drawn["ring"].copy(), drawn["ring"].copy()
drawn["ring"][10:40, 10:40] = 1
drawn["ring"][15:35, 15:35] = 0
drawn["square"][20:23, 20:23] = 1
drawn["line"][30, 5:50] = 1

tasks = []
for name, mask in drawn.items():
    rle = mask2rle(mask * 255)
    assert (decode_rle(rle).reshape(side, side, 4)[..., 3] > 0).sum() == mask.sum()  # Label Studio itself holds the mask
    value = {"format": "rle", "rle": rle, "brushlabels": ["cell"]}
    size = {"original_width": side, "original_height": side, "image_rotation": 0}
    result = {"id": name, "type": "brushlabels", "from_name": "tag", "to_name": "image", "value": value, **size}
    tasks.append({"id": len(tasks), "data": {"image": f"/{name}.png"}, "annotations": [{"id": len(tasks), "result": [result]}]})
with open("export.json", "w") as file:
    json.dump(tasks, file)

config = """<View><Image name="image" value="$image"/>
<BrushLabels name="tag" toName="image"><Label value="cell"/></BrushLabels></View>"""
Converter(config, project_dir=".", download_resources=False).convert("export.json", "coco", "BRUSH_TO_COCO", is_dir=False)

coco = COCO("coco/result_coco.json")
found = {}
for number, (name, mask) in enumerate(drawn.items()):
    marks = coco.loadAnns(coco.getAnnIds(imgIds=[number])) if number in coco.imgs else []
    pixels = int(sum(coco.annToMask(mark).sum() for mark in marks))
    found[name] = (len(marks), pixels, sum(mark["area"] for mark in marks))
    print(f"{name}: {mask.sum()} pixels drawn; {len(marks)} annotations, {pixels} pixels, area {found[name][2]}")
assert drawn["ring"].sum() == 500
assert found["ring"][0] == 1 and found["ring"][1] > 800 and found["ring"][2] == 29 * 29  # the hole is object
assert found["square"][2] == 4 and drawn["square"].sum() == 9
assert found["line"] == (0, 0, 0) and drawn["line"].sum() == 45
PYTHON
