"""A crop of a slide with a hundred thousand outlined cells: indexing once, then one crop.

Run ``python benchmarks/bench_outlines.py [--cells 100000]``. The answer is checked against shapely
on some crops; the time of a scan over all boxes stands beside it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import shapely
import tifffile

from inklings.cohorts.case import Case
from inklings.cohorts.region import annotate_region
from inklings.geometry import Geometry, Region
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    labels = cells(parser.parse_args().cells)
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
