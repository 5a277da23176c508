"""Regions of a slide as RGB arrays: ours beside OpenSlide, in processor time.

A phantom slide of 10,000 x 10,000 pixels is written (deterministic), and the same regions of its
tissue are read from level 0 by both, without what either remembers of earlier regions; the pixels
must agree to two grey levels (two JPEG decoders).

    python benchmarks/bench_slide_read.py --folder FOLDER
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import openslide

from inklings.geometry import Region
from inklings.readers import open_image, tiff_file
from inklings.simulation.phantoms.biopsy import Biopsy, SlidePlan
from inklings.simulation.phantoms.slides import write_slide

PLAN = SlidePlan(size=(10_000, 10_000), um=0.5, tissue=0.3, pen=0, border=False)
SIDE = 512


def places(step: int) -> list[tuple[int, int]]:
    """Corners of 100 regions that are not blank."""
    biopsy = Biopsy(1, PLAN)
    rng = np.random.default_rng(0)
    found: dict[tuple[int, int], None] = {}
    while len(found) < 100:
        y, x = (int(v) * step for v in rng.integers(0, (PLAN.size[0] - SIDE) // step, 2))
        if not biopsy.is_blank((y, x), (SIDE, SIDE)):
            found[y, x] = None
    return list(found)


def measure(path: Path, step: int) -> tuple[float, float]:
    """Milliseconds of processor time a region: ours, OpenSlide's."""
    ours, theirs = open_image(path), openslide.OpenSlide(path)
    theirs.set_cache(openslide.OpenSlideCache(0))
    tiff_file._CACHE_BYTES = 0
    where = places(step)
    start = time.process_time()
    mine = [ours.read(Region(place, (SIDE, SIDE))) for place in where]
    middle = time.process_time()
    peer = [
        np.asarray(theirs.read_region((x, y), 0, (SIDE, SIDE)).convert("RGB")) for y, x in where
    ]
    end = time.process_time()
    for a, b in zip(mine, peer, strict=True):
        assert np.abs(np.moveaxis(a, 0, -1).astype(int) - b).max() <= 2
    return (middle - start) / len(where) * 1e3, (end - middle) / len(where) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="Where the slide is kept; else temporary.")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as scratch:
        root = folder or Path(scratch)
        path = root / "train_images" / "bench.tiff"
        if not path.exists():
            write_slide(root, 1, PLAN, name="bench", masked=False)
        for what, step in (("on the grid of tiles", SIDE), ("anywhere", 1)):
            ours, peer = measure(path, step)
            print(f"{SIDE} x {SIDE}, {what}: {ours:.1f} ms, OpenSlide {peer:.1f} ms, "
                  f"{peer / ours:.1f} times")  # fmt: skip


def bench_regions_are_read_faster_than_by_openslide(tmp_path: Path) -> None:
    write_slide(tmp_path, 1, PLAN, name="bench", masked=False)
    ours, peer = measure(tmp_path / "train_images" / "bench.tiff", SIDE)
    assert peer > 1.5 * ours


if __name__ == "__main__":
    main()
