#!/usr/bin/env bash
# tifffile cannot read a file that it wrote itself once the name ends in .ndpi.
#
# Seen with tifffile 2026.3.3. It takes every classic TIFF of that name for Hamamatsu's variant, whose offsets have 64 bits at other
# places, and finds no page. Other suffixes of slides (.svs, .scn, .qptiff) do not change how the same bytes are read. Tools that
# convert slides and keep their names meet it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check tifffile==2026.3.3 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import numpy as np
import tifffile

image = np.random.default_rng(0).integers(0, 255, (256, 256, 3)).astype(np.uint8)
for suffix in ("tif", "svs", "scn", "qptiff", "ndpi"):
    name = f"slide.{suffix}"
    tifffile.imwrite(name, image, tile=(128, 128), photometric="rgb")
    with tifffile.TiffFile(name) as file:
        pages = len(file.pages)
        same = pages == 1 and np.array_equal(file.asarray(), image)
    print(f"{name}: {pages} pages, the same pixels: {same}")
    assert (pages, same) == ((0, False) if suffix == "ndpi" else (1, True))
PYTHON
