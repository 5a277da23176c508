"""How often the promises of `inklings calibrate --risk` hold, and how much is predicted for them.

    .venv/bin/python benchmarks/promises.py [--redraws 1000] [--luna FOLDER] [--cv FOLDER COHORT]

The patients of a study are taken for all that there are; patients of a calibration are drawn from
them with replacement, so that the risk of new patients is known: it is the mean over all. A row
for each risk, and for both kinds of promises. `oracle` is what would be predicted by who knew it.

LUNA holds the public tables and the submission `dpn26bs32.csv` (its ids are numbers: new*.csv); CV
is a cross-validation of images, whose out-of-fold predictions are scored on COHORT.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy import special

from inklings.applications.lung_nodules.luna import from_tables
from inklings.evaluation.evaluate import source
from inklings.evaluation.froc import MOST_MARKS
from inklings.evaluation.marks import read_marks
from inklings.evaluation.promises import selected
from inklings.evaluation.risk_control import Level
from inklings.evaluation.risks import LEVELS, Losses, finding_losses, losses_of

CONFIDENCE = Fraction("0.9")


def luna(folder: Path) -> Iterator[tuple[str, Losses, str, tuple[int, ...]]]:
    """Name, losses, the most that is promised, and patients of a calibration."""
    names = ("annotations", "annotations_excluded", "seriesuids")
    reference = from_tables(*(folder / f"new{name}.csv" for name in names))
    marks = read_marks(folder / "dpn26bs32.csv")
    yield "nodules missed", finding_losses(marks, reference, "missed"), "0.1", (100, 200, 400)
    yield "false alarms a scan", finding_losses(marks, reference, "alarms"), "4", (100, 200, 400)
    yield "false alarms a scan", finding_losses(marks, reference, "alarms"), "2", (200, 400)


def images(cv: Path, cohort: Path) -> Iterator[tuple[str, Losses, str, tuple[int, ...]]]:
    """The same of out-of-fold predictions."""
    mine = source(cv / "predictions")
    selection = selected(mine, cohort, "all")
    for risk in ("fnr", "missed"):
        for losses in losses_of(mine, selection, risk, cohort):
            yield f"{risk} of {losses.label}", losses, "0.1", (40, 100)


def drawn() -> Iterator[tuple[str, Losses, str, tuple[int, ...]]]:
    """Curves of 2,000 patients made up: some are easy, some are hard, and some have one object."""
    rng, n = np.random.default_rng(0), 2000
    hard, steep = rng.normal(-1.5, 1.2, (n, 1)), rng.uniform(0.5, 3, (n, 1))
    there = special.logit(np.clip(LEVELS, 1e-3, 1 - 1e-3))
    names = tuple(f"p{k}" for k in range(n))
    area = special.expit((there + hard) / steep)
    area = (area - area[:, :1]) / (1 - area[:, :1])
    size = special.expit(-(there + 2) / steep)
    yield "area, made up", Losses("", names, LEVELS, area, size, size[:, 0]), "0.1", (40, 100)
    needs = special.expit(rng.normal(1, 2, (n, 3)) - hard)
    count = rng.integers(1, 4, n)
    lost = (needs[:, :, None] < LEVELS) & (np.arange(3) < count[:, None])[:, :, None]
    objects = lost.sum(1) / count[:, None]
    yield "objects, made up", Losses("", names, LEVELS, objects, size, size[:, 0]), "0.1", (40, 100)
    answer = (needs[:, :1] < LEVELS).astype(float)
    yield "sets, made up", Losses("", names, LEVELS, answer, size, size[:, 0]), "0.1", (40, 100)


def row(
    losses: Losses, most: str, n: int, confidence: Fraction | None, redraws: int, binary: bool
) -> str:
    """How often the risk of new patients was held, its mean, and what was predicted."""
    alarms = losses.thresholds[0] > losses.thresholds[-1]
    scale = MOST_MARKS if alarms else 1
    level = Level(Fraction(most) / scale, confidence, binary)
    risk, size = losses.loss.mean(0), losses.size.mean(0)
    best = int(np.flatnonzero(risk <= float(level.alpha))[-1])
    rng = np.random.default_rng(n)
    patients = len(losses.loss)
    chosen = [level.furthest(losses.loss[rng.integers(0, patients, n)]) for _ in range(redraws)]
    made = np.array([k for k in chosen if k is not None], int)
    if not len(made):
        return f"needs {level.needed} patients | | | |"
    held = 100 * float((risk[made] <= float(level.alpha)).sum() + redraws - len(made)) / redraws
    return (
        f"{held:.1f} % | {scale * risk[made].mean():.3f} | {size[made].mean():.3g} | "
        f"{size[best]:.3g} | {100 * (1 - len(made) / redraws):.1f} %"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redraws", type=int, default=1000)
    parser.add_argument("--luna", type=Path)
    parser.add_argument("--cv", type=Path, nargs=2)
    asked = parser.parse_args()
    studies = [*drawn()]
    studies += luna(asked.luna) if asked.luna else ()
    studies += images(*asked.cv) if asked.cv else ()
    heads = ("risk", "promised", "patients", "held", "risk of new", "predicted", "oracle", "none")
    print("| " + " | ".join(heads) + " |")
    print("|---" * len(heads) + "|")
    for name, losses, most, sizes in studies:
        for n in sizes:
            for confidence, words in ((CONFIDENCE, "90 %"), (None, "on average")):
                said = row(losses, most, n, confidence, asked.redraws, name.startswith("sets"))
                print(f"| {name} | {most}, {words} | {n} | {said} |", flush=True)


if __name__ == "__main__":
    main()
