"""What ``correction: auto`` makes of labels alone, without a training.

    python experiments/weak/outlines.py GLANDS --seeds 3
    python experiments/weak/outlines.py NUCLEI --seeds 3 --count 120

For a cohort of pictures with full masks: the Dice of weakened labels with the truth before and
after the correction, the share of the gap that it recovers, and the number of masks that changed
a single pixel. ``--factor 0.5`` halves the resolution first.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.rasterise import annotate
from inklings.cohorts.stacked import stacked_case
from inklings.simulation.chain import Chain, apply, stream
from inklings.weak.correction.auto import AutoCorrection

KINDS = (
    "full",
    *(f"dilate:pixels={px},boundary_error={e}" for px in (8, 16, 32) for e in (0, 0.25, 0.5)),
    "box",
    "hull",
)


Field = tuple[str, NDArray[np.uint8], NDArray[np.int32]]


def fields(cohort: Path, count: int | None, factor: float) -> Iterator[Field]:
    """Id, ``(H, W, 3)`` or ``(H, W)`` picture and ``(H, W)`` object numbers of each case."""
    read = Cohort.read(cohort)
    cases = list(read)
    for case in cases[:: max(1, len(cases) // (count or len(cases)))]:
        stack = stacked_case(case)
        name = next(iter(case.images))
        objects = annotate(case, name, stack.geometry, read.classes).objects
        pixels = stack.samples
        picture = np.moveaxis(pixels[:3], 0, -1) if len(pixels) >= 3 else pixels[0]
        size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
        image = Image.fromarray(picture).resize(size, Image.Resampling.BOX)
        nearest = Image.fromarray(objects.astype(np.int32)).resize(size, Image.Resampling.NEAREST)
        yield case.id, np.asarray(image), np.asarray(nearest).astype(np.int32)


def dice(masks: list[NDArray[np.bool_]], truth: list[NDArray[np.bool_]]) -> float:
    """Mean over pictures; of two empty masks 1."""
    sums = [(2 * (m & t).sum(), m.sum() + t.sum()) for m, t in zip(masks, truth, strict=True)]
    return float(np.mean([a / b if b else 1.0 for a, b in sums]))


def main() -> None:
    """Print a row for each kind of labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort", type=Path, help="pictures with full masks")
    parser.add_argument("--count", type=int, help="cases, evenly spread; default: all")
    parser.add_argument("--factor", type=float, default=1.0, help="of the resolution")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    ids, images, objects = zip(*fields(given.cohort, given.count, given.factor), strict=True)
    truth = [o > 0 for o in objects]
    print(f"{len(ids)} pictures at {given.factor:g} of their resolution")  # noqa: T201
    print("| labels | before | after | of the gap | masks changed | by |")  # noqa: T201
    print(f"|{'---|' * 6}", flush=True)  # noqa: T201
    for kind in KINDS:
        rows = []
        for seed in range(given.seeds if kind != "full" else 1):
            weak = truth
            if kind != "full":
                chain = Chain.parse(kind)
                weak = [
                    apply(o, chain, stream(seed, i)) > 0 for i, o in zip(ids, objects, strict=True)
                ]
            found = AutoCorrection(seed).correct(images, weak)
            changed = sum(bool((a != b).any()) for a, b in zip(found.masks, weak, strict=True))
            before, after = dice(weak, truth), dice(found.masks, truth)
            how = " ".join(f"{e.group}: {e.action} by {e.source}" for e in found.evidence)
            rows.append((before, after, (after - before) / max(1 - before, 1e-9), changed, how))
        before, after = np.mean([r[:2] for r in rows], 0)
        shares = " ".join(f"{r[2]:.2f}" for r in rows) if before < 1 else "-"
        counts = " ".join(str(r[3]) for r in rows)
        told = (kind, f"{before:.3f}", f"{after:.3f}", shares, counts, rows[0][4])
        print(f"| {' | '.join(told)} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
