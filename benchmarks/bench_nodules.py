"""Phantoms, FROC, cache and lungs of chest CTs, against the times that users wait.

Run: ``python benchmarks/bench_nodules.py``. The FROC of the real submission needs the tables of
LUNA16 (``--luna FOLDER``); without them marks of the same number are drawn.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from inklings.applications.lung_nodules.luna import from_tables
from inklings.applications.lung_nodules.lungs import lungs
from inklings.cohorts.opening import open_case
from inklings.datasets.importing import run
from inklings.datasets.luna16 import Luna16
from inklings.datasets.volume_cache import cache
from inklings.evaluation.findings import froc
from inklings.evaluation.froc import Reference
from inklings.evaluation.intervals import Bootstrap
from inklings.evaluation.marks import read_marks
from inklings.findings.points import PointTable
from inklings.geometry import Region
from inklings.simulation.phantoms.chest import Patient, chest
from inklings.simulation.phantoms.luna import write_luna

SCANS, MARKS, NODULES = 888, 55_677, 1_186


def timed(call: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """The fastest of a few runs, in seconds of this process, and the last answer."""
    best, out = float("inf"), None
    for _ in range(times):
        start = time.process_time()
        out = call()
        best = min(best, time.process_time() - start)
    return best, out


def drawn_marks() -> tuple[PointTable, Reference]:
    rng = np.random.default_rng(0)
    names = np.array([f"s{k}" for k in range(SCANS)], object)
    place = rng.uniform(-150, 150, (MARKS, 3))
    mark_of, nodule_of = rng.integers(0, SCANS, MARKS), rng.integers(0, SCANS, NODULES)
    marks = PointTable(names[mark_of], place, {"probability": rng.random(MARKS)})
    nodules = PointTable(
        names[nodule_of], rng.uniform(-150, 150, (NODULES, 3)),
        {"diameter_mm": rng.uniform(4, 30, NODULES)},
    )  # fmt: skip
    none = PointTable(np.zeros(0, object), np.zeros((0, 3)), {"diameter_mm": np.zeros(0)})
    return marks, Reference(tuple(names), nodules, none)


def bench_froc(luna: Path | None) -> None:
    if luna:
        tables = [
            luna / f"new{n}.csv" for n in ("annotations", "annotations_excluded", "seriesuids")
        ]
        marks, reference = read_marks(luna / "dpn26bs32.csv"), from_tables(*tables)
    else:
        marks, reference = drawn_marks()
    seconds, table = timed(lambda: froc(marks, reference, Bootstrap(1000)))
    assert table.facts["counts"]["scans"] == SCANS
    print(
        f"FROC of {SCANS} scans, 1,000 bootstraps: {seconds:.1f} s, CPM {table.rows[-1].value:.6f}"
    )


def bench_phantom() -> None:
    seconds, scan = timed(lambda: chest(3))
    again = hashlib.sha256(chest(3).image.tobytes()).hexdigest()
    assert hashlib.sha256(scan.image.tobytes()).hexdigest() == again
    print(f"chest phantom of 96 x 192 x 192: {seconds:.2f} s, the same to the bit: {again[:12]}")


def bench_lungs(count: int) -> None:
    lost = total = 0
    for seed in range(count):
        scan = chest(seed + 10_000)
        found = lungs(scan.image, scan.geometry)
        points = np.array([n.centre_mm for n in scan.nodules]).reshape(-1, 3)
        inside = found.holds(points)
        lost, total = lost + int((~inside).sum()), total + len(points)
    large = Patient(1).render((100, 512, 512))
    seconds, _ = timed(lambda: lungs(large.image, large.geometry))
    print(f"lungs: {lost} of {total} centres lost on {count} phantoms; "
          f"{seconds:.2f} s for 100 x 512 x 512")  # fmt: skip


def bench_cache() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_luna(root / "luna", 4, shape=(100, 320, 320))
        run(Luna16(root / "luna"), root / "cohort", workers=1)
        start = time.process_time()
        done = cache(root / "cohort", root / "store")
        seconds = (time.process_time() - start) / 4
        case = done.cohort.cases[0]
        rng = np.random.default_rng(0)
        corners = rng.integers(0, (100 - 32, 320 - 48, 320 - 48), (200, 3))

        def crops() -> None:
            with open_case(case, "ct") as image:
                for corner in corners:
                    image.read(Region(tuple(corner.tolist()), (32, 48, 48)))

        each = timed(crops)[0] / len(corners)
        ratio = done.bytes_decoded / done.bytes_on_disk
        print(f"cache: {seconds:.2f} s a scan of 100 x 320 x 320, {ratio:.1f} to 1; a crop of "
              f"32 x 48 x 48 in {each * 1e3:.2f} ms")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--luna", type=Path, help="Folder with the tables of LUNA16.")
    parser.add_argument("--lungs", type=int, default=20, help="Phantoms for the lung mask.")
    parser.add_argument("--only", default="phantom,froc,cache,lungs", help="Some of these.")
    said = parser.parse_args()
    calls = {
        "phantom": bench_phantom,
        "froc": lambda: bench_froc(said.luna),
        "cache": bench_cache,
        "lungs": lambda: bench_lungs(said.lungs),
    }
    for name in said.only.split(","):
        calls[name]()


if __name__ == "__main__":
    main()
