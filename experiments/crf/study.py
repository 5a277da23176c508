"""The dense CRF on coarse masks of nuclei: Dice before and after, with paired intervals.

    python experiments/crf/study.py COHORT --out experiments/crf/study.csv

COHORT is the Data Science Bowl 2018, imported and split. Of fluorescence and of stained tissue the
first images are taken, one of a group of sister crops, none above 110,000 pixels. Nothing is tuned:
the first setting is the reference's, the second looks at a quarter of its distance.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.cohorts.rasterise import annotate
from inklings.evaluation.intervals import BOOTSTRAP
from inklings.files import written
from inklings.inference.crf import CRF, colours, energies_of_labels
from inklings.progress import track
from inklings.records import read_record
from inklings.simulation.chain import Chain, apply, stream

MASKS = ("erode:depth=0.3", "dilate:pixels=2", "dilate:pixels=4", "hull", "box", "exact")
SETTINGS = {"reference": CRF(), "position_sigma=20": CRF(position_sigma=20.0)}
LARGEST = 110_000
COLUMNS = (
    "staining", "masks", "crf", "images", "dice_before", "dice_after", "gain", "low", "high",
    "share_better", "seconds_an_image",
)  # fmt: skip


def chosen(cohort: Cohort, groups: dict[str, str], staining: str, count: int) -> list[Case]:
    """One image a group, in the order of the cohort."""
    found: dict[str, Case] = {}
    for case in cohort:
        small = int(case.facts["height"]) * int(case.facts["width"]) <= LARGEST
        if case.facts["modality"] == staining and small:
            found.setdefault(groups.get(case.id, case.id), case)
    return list(found.values())[:count]


def dice(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Overlap of two masks."""
    return 2 * float((mask & truth).sum()) / max(float(mask.sum() + truth.sum()), 1.0)


def rows_of(
    cohort: Cohort, cases: Sequence[Case], staining: str, seed: int
) -> list[dict[str, object]]:
    """A row a kind of mask and setting."""
    scores: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for case in track(cases, staining, len(cases)):
        with open_case(case, "image") as image:
            samples = image.read(image.geometry.full)
            objects = annotate(case, "image", image.geometry, cohort.classes).objects
        truth, seen = objects > 0, colours(samples)
        for kind in MASKS:
            coarse = truth
            if kind != "exact":
                coarse = apply(objects, Chain.parse(kind), stream(seed, case.id)) > 0
            energies = energies_of_labels(coarse.astype(np.int64), 2)
            for name, crf in SETTINGS.items():
                start = time.process_time()
                after = crf.refine(seen, energies).argmax(0) == 1
                spent = time.process_time() - start
                scores.setdefault((kind, name), []).append(
                    (dice(coarse, truth), dice(after, truth), spent)
                )
    return [
        {"staining": staining, "masks": kind, "crf": name, **summed(np.array(values))}
        for (kind, name), values in scores.items()
    ]


def summed(values: NDArray[np.float64]) -> dict[str, object]:
    """Means of ``(images, 3)`` and the interval of the gain, images drawn anew."""
    before, after, seconds = values.T
    gain = after - before
    low, high = BOOTSTRAP.interval(BOOTSTRAP.weights(len(gain)) @ gain / len(gain))
    numbers = (before.mean(), after.mean(), gain.mean(), low, high, (gain > 0).mean())
    shown = [f"{number:.4f}" for number in numbers]
    return dict(zip(COLUMNS[3:], (len(gain), *shown, f"{seconds.mean():.2f}"), strict=True))


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    cohort = Cohort.read(given.cohort)
    told = read_record(dict[str, Any], given.cohort / "split.json", "a split", "split it again")
    groups = {case: group["cases"][0] for group in told["groups"] for case in group["cases"]}
    rows = [
        row
        for staining in ("fluorescence", "stained")
        for row in rows_of(
            cohort, chosen(cohort, groups, staining, given.images), staining, given.seed
        )
    ]
    with written(given.out) as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
