"""A hundred thousand outlined cells: a crop of a slide of them, and their import from COCO.

Run ``python benchmarks/bench_outlines.py [--cells 100000] [--coco]``. Crops are checked against
shapely. ``--coco`` imports one ``annotations.json`` of 1,000 pictures instead (20 corners a cell,
every tenth as run lengths, every tenth a box) and prints seconds and the largest memory of this
process and its workers together.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import shapely
import tifffile
from PIL import Image as Pillow

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.region import annotate_region
from inklings.geometry import Geometry, Region
from inklings.labels.coco import encoded
from inklings.labels.kinds import Label, PolygonLabel

SIDE, CROP, CORNERS = 20_000, 256, 20


def cells(count: int, seed: int = 0) -> tuple[Label, ...]:
    """Cells of 6 to 12 pixels across, anywhere on the slide."""
    rng = np.random.default_rng(seed)
    turns = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    around = np.stack([np.sin(turns), np.cos(turns)], 1)
    found: list[Label] = []
    for _ in range(count):
        ring = rng.uniform(10, SIDE - 10, 2) + rng.uniform(3, 6) * around
        found.append(PolygonLabel("slide", "cell", tuple(map(tuple, ring.tolist()))))
    return tuple(found)


def expected(labels: tuple[Label, ...], region: Region) -> int:
    """Samples of a crop inside any cell, by shapely."""
    window = shapely.box(
        region.start[1] - 1, region.start[0] - 1, region.stop[1] + 1, region.stop[0] + 1
    )
    rings = [shapely.Polygon([(x, y) for y, x in k.vertices]) for k in labels]
    union = shapely.union_all([ring for ring in rings if ring.intersects(window)])
    rows, columns = np.indices(region.size)
    return int(shapely.contains_xy(union, columns + region.start[1], rows + region.start[0]).sum())


def coco(count: int, pictures: int = 1000, side: int = 512) -> None:
    """Import of one file; what it holds is made and written before the clock starts."""
    rng = np.random.default_rng(0)
    turns = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    circle = np.stack([np.cos(turns), np.sin(turns)], 1)
    disc = np.zeros((side, side), bool)
    disc[100:110, 200:212] = True
    annotations = []
    for k in range(count):
        ring = (rng.uniform(10, side - 10, 2) + rng.uniform(3, 9) * circle).round(2)
        shapes = {8: {"segmentation": encoded(disc)}, 9: {"bbox": [*ring.min(0), 8, 9]}}
        shape = shapes.get(k % 10, {"segmentation": [ring.ravel().tolist()]})
        annotations.append({"id": k, "image_id": k % pictures, "category_id": 1, **shape})
    images = [{"id": k, "file_name": f"{k:04d}.png", "height": side, "width": side}
              for k in range(pictures)]  # fmt: skip
    said = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cell"}]}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "images").mkdir()
        for k in range(pictures):
            Pillow.fromarray(np.full((side, side), k % 255, np.uint8)).save(
                home / "images" / f"{k:04d}.png"
            )
        (home / "all.json").write_text(json.dumps(said, default=float))
        size = (home / "all.json").stat().st_size / 1e6
        del annotations, said
        command = [sys.executable, "-c", "from inklings.cli import run; run()", "import", "folder",
                   "--images", f"{home}/images/*.png", "--annotations", f"{home}/all.json",
                   "--out", f"{home}/cohort"]  # fmt: skip
        start, peak = time.perf_counter(), 0
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            watched = psutil.Process(process.pid)
            while process.poll() is None:
                peak = max(peak, memory(watched))
                time.sleep(0.2)
        seconds = time.perf_counter() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        found = sum(len(case.labels) for case in Cohort.read(home / "cohort"))
    assert found == count, found
    print(
        f"{count} annotations ({size:.0f} MB): import {seconds:.1f} s "
        f"({used.ru_utime + used.ru_stime:.1f} s of processors), {peak / 1e6:.0f} MB"
    )


def memory(process: psutil.Process) -> int:
    """Bytes of a process and its children that nobody else has."""
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_full_info().uss
    except psutil.Error:
        return total
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--coco", action="store_true")
    given = parser.parse_args()
    if given.coco:
        coco(given.cells)
        return
    labels = cells(given.cells)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slide.tif"
        tile = np.zeros((256, 256, 3), np.uint8)
        many = (-(-SIDE // 256)) ** 2
        tifffile.imwrite(
            path, (tile for _ in range(many)), shape=(SIDE, SIDE, 3), dtype="uint8",
            tile=(256, 256), photometric="rgb", compression="deflate",
        )  # fmt: skip
        case = Case("a", "a", {"slide": path}, labels)
        grid = Geometry((SIDE, SIDE))
        rng = np.random.default_rng(1)
        corners = [tuple(map(int, rng.integers(0, SIDE - CROP, 2))) for _ in range(50)]
        first = Region(corners[0], (CROP, CROP))
        start = time.process_time()
        annotate_region(case, "slide", grid, first, ["cell"])
        indexing = time.process_time() - start
        start = time.process_time()
        for corner in corners:
            annotate_region(case, "slide", grid, Region(corner, (CROP, CROP)), ["cell"])
        crop = (time.process_time() - start) / len(corners)
        for corner in corners[:3]:
            region = Region(corner, (CROP, CROP))
            drawn = annotate_region(case, "slide", grid, region, ["cell"])
            assert int(drawn.category.sum()) == expected(labels, region)
    print(f"{len(labels)} cells: index {indexing:.2f} s, a crop of {CROP} px {crop * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
