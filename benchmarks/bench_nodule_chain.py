"""Our chain beside the reference's on one real scan, in the same process, from decoded samples on.

Run: ``python benchmarks/bench_nodule_chain.py SCAN --run runs/nodules --segmenter
runs/reference/segmenter --classifier runs/reference/classifier``. Seconds are of this process, so
that other jobs on the machine count little.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from inklings.applications.lung_nodules.cascade import find
from inklings.applications.lung_nodules.lungs import lungs
from inklings.applications.lung_nodules.stages import Cascade
from inklings.detection.scan import whole
from inklings.inference.items import gather
from inklings.predictions.findings import Findings
from inklings.runs.run import Run


def told(name: str, seconds: float, found: Findings, threshold: float, outside: int) -> None:
    """One line: how long, and what was called where."""
    called = sum(one.score >= threshold for one in found)
    print(
        f"{name}: {seconds:.1f} s, {len(found)} candidates, {called} called, "
        f"{outside} of them outside of the lungs"
    )


def main() -> None:
    """Both chains, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scan", type=Path)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--segmenter", type=Path, required=True)
    parser.add_argument("--classifier", type=Path, required=True)
    asked = parser.parse_args()
    chain = Cascade.load(asked.run)
    book = Cascade(Run.load(asked.segmenter), Run.load(asked.classifier)).untuned
    (item,) = gather([asked.scan])
    with item.open() as image:
        values, geometry = whole(image)
    start = time.process_time()
    ours = find(chain, values, geometry, item.case).findings
    between = time.process_time()
    theirs = find(book, values, geometry, item.case).findings
    end = time.process_time()
    hull = lungs(values, geometry)
    rows = (
        ("ours", between - start, ours, chain.threshold),
        ("reference", end - between, theirs, 0.5),
    )
    for name, seconds, found, threshold in rows:
        called = [one.centre_mm for one in found if one.score >= threshold]
        outside = int((~hull.holds(called)).sum()) if called else 0
        told(name, seconds, found, threshold, outside)
    first = ours.found[0]
    print(f"ours, first: {first.score:.3f} at {first.centre_mm}, {first.diameter_mm:.1f} mm")
    print(f"the reference takes {(end - between) / (between - start):.0f} times as long")


if __name__ == "__main__":
    main()
