#!/usr/bin/env bash
# ome-zarr writes label pyramids whose coarse levels lie up to half a coarse pixel beside those of their image.
#
# Seen with ome-zarr 0.18.0 and zarr 3.1.6, all options left as they are. Levels of images are averages, and the translation in the
# metadata, (factor - 1) / 2, is right for them. Levels of labels take the last pixel of each block, (factor - 1), but get the same
# translation. One would expect labels and image of one level to lie on each other: at factor 16 they are 7.5 fine pixels apart, which
# moves every centroid and every overlay. Sampling near the middle of the block would be off by half a fine pixel.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check ome-zarr==0.18.0 zarr==3.1.6 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import numpy as np
import zarr
from ome_zarr.writer import write_image, write_labels

side = 512
places = np.tile(np.arange(side), (side, 1))  # the value of each pixel is its x
root = zarr.open_group("places.zarr", mode="w")
write_image(places.astype(np.float32), root, axes="yx")
write_labels(places.astype(np.uint16), root, name="places", axes="yx")

found = {}
for kind, group in (("image", root), ("labels", root["labels/places"])):
    for level in group.attrs["ome"]["multiscales"][0]["datasets"]:
        steps = {step["type"]: step[step["type"]][1] for step in level["coordinateTransformations"]}
        column = group[level["path"]].shape[1] // 2
        said = column * steps["scale"] + steps["translation"]  # where the metadata place this pixel
        found[kind, steps["scale"]] = float(group[level["path"]][8, column]) - said
for factor in (1.0, 2.0, 4.0, 8.0, 16.0):
    print(f"level {factor:g}: image {found['image', factor]:+.2f} pixels off its place, labels {found['labels', factor]:+.2f}")
    assert abs(found["image", factor]) < 0.01
    assert found["labels", factor] == (factor - 1) / 2
PYTHON
