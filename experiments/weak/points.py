"""How true is what ``supervision: points`` tells: pooled over images, by what made them.

python experiments/weak/points.py FULL POINTS --count 30
python experiments/weak/points.py FULL POINTS --count 30 --anywhere
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.rasterise import annotate
from inklings.cohorts.stacked import stacked_case
from inklings.labels.kinds import PointLabel
from inklings.labels.marks import Annotation
from inklings.supervision import SUPERVISIONS


def _anywhere(
    drawn: Annotation, image: str, classes: Sequence[str], rng: np.random.Generator
) -> tuple[PointLabel, ...]:
    """A point in every object, at any of its samples."""
    order = rng.permutation(np.flatnonzero(drawn.objects))
    _, first = np.unique(drawn.objects.ravel()[order], return_index=True)
    places = np.stack(np.unravel_index(order[first], drawn.objects.shape), 1).tolist()
    return tuple(
        PointLabel(image, classes[drawn.category[tuple(at)] - 1], tuple(map(float, at)))
        for at in places
    )


def main() -> None:
    """Print a row for every modality, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("full", type=Path, help="cohort with masks")
    parser.add_argument("points", type=Path, help="the same cases with points")
    parser.add_argument("--count", type=int, default=30, help="cases, evenly spread")
    parser.add_argument("--anywhere", action="store_true", help="any sample of each object")
    given = parser.parse_args()
    full, points = Cohort.read(given.full), list(Cohort.read(given.points))
    truth = {case.id: case for case in full}
    supervision = SUPERVISIONS.build("points", {"classes": tuple(full.classes)})
    rng = np.random.default_rng(0)
    found: dict[str, list[list[int]]] = defaultdict(list)
    for case in points[:: max(1, len(points) // given.count)][: given.count]:
        read = stacked_case(case)
        image = next(iter(case.images))
        drawn = annotate(truth[case.id], image, read.geometry, full.classes)
        mask = drawn.category
        if given.anywhere:
            case = dataclasses.replace(case, labels=_anywhere(drawn, image, full.classes, rng))
        told = supervision.seen(case, read.geometry, read.samples)
        right = mask == np.arange(1, len(full.classes) + 1).reshape(-1, *[1] * mask.ndim)
        here = told.positives
        ground = told.known_anyhow & ~here.any(0)
        counts = [here & right, here, right, ground & (mask == 0), ground, mask == 0]
        for name in ("all", case.facts.get("modality", "")):
            found[name].append([int(one.sum()) for one in counts])
    for name, rows in found.items():
        a, b, c, d, e, f = np.sum(rows, 0)
        worst = min(row[0] / row[1] for row in rows)
        sys.stdout.write(
            f"{name or 'unsaid'}: {len(rows)} images, object {a / b:.3f} precision {a / c:.3f} "
            f"recall, background {d / e:.4f} {d / f:.3f}, worst image {worst:.2f}\n"
        )


if __name__ == "__main__":
    main()
