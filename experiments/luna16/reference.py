"""The chain of the reference on CTs, to be scored beside ours.

    python experiments/luna16/reference.py COHORT_OR_CT --segmenter RUN [--classifier RUN] --out OUT
    inklings evaluate OURS --froc --compare OUT --cohort COHORT --split test

With --scans fewer are searched: judge both on these by `--annotations annotations.csv --excluded
annotations_excluded.csv --series OUT/scans.csv` instead of the cohort.

Writes findings/<case>.json and findings.csv as `inklings nodules` does, and says how long it took
and how many of its nodules lie outside of the lungs.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from inklings.applications.lung_nodules.lungs import lungs
from inklings.applications.lung_nodules.reference import find_as_reference
from inklings.detection.scan import whole
from inklings.files import write_text
from inklings.inference.items import gather
from inklings.predictions import findings as files
from inklings.progress import note
from inklings.runs.run import Run


def main() -> None:
    """Search every scan that is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("inputs", type=Path, nargs="+")
    parser.add_argument("--segmenter", type=Path, required=True)
    parser.add_argument("--classifier", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", choices=("train", "val", "test"))
    parser.add_argument("--scans", type=int, help="only so many; their ids go to scans.csv")
    asked = parser.parse_args()
    segmenter = Run.load(asked.segmenter)
    classifier = Run.load(asked.classifier) if asked.classifier else None
    done = []
    for item in gather(asked.inputs, asked.split)[: asked.scans]:
        if not files.file_of(asked.out, item.case).is_file():
            with item.open() as image:
                values, geometry = whole(image)
                started, used = time.perf_counter(), time.process_time()
                found = find_as_reference(segmenter, classifier, values, geometry, item.case)
            seconds = {"finding": round(time.perf_counter() - started, 2)}
            hull = lungs(values, geometry)
            called = [one for one in found if one.score > 0.5]
            outside = sum(not hull.holds([one.centre_mm])[0] for one in called)
            processor = round(time.process_time() - used, 2)
            facts = {"seconds": seconds, "processor_seconds": processor, "outside": outside}
            replace(found, facts={**found.facts, **facts}).write(asked.out)
        done.append(files.Findings.read(asked.out, item.case))
        note(f"{item.case}: {dict(done[-1].stage_counts)}, {dict(done[-1].facts)}")
    files.write_table(done, asked.out / files.TABLE)
    write_text(asked.out / "scans.csv", "".join(f"{one.case}\n" for one in done))


if __name__ == "__main__":
    main()
