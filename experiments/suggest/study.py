"""Do ten corrected cases that `inklings suggest` chose teach more than ten at random?

    python experiments/suggest/study.py --data ../shared/data --out results/suggest

Half of the objects of nuclei and glands are left out, the recipe ``weak`` learns what is left, and
predicts its own training cases. Ten of them, the first of `suggest` or ten at random, get the full
masks above their labels, as `inklings import corrections` would write them, and the same training
begins anew. Scores are of the test patients against full masks. Resumable: what is in
``OUT/suggest.csv`` is not made again.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from inklings import progress
from inklings.cohorts.cohort import Cohort
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.inference.predict import predict
from inklings.labels.kinds import MaskLabel
from inklings.library.cohorts import import_dataset, simulate_weak_labels
from inklings.predictions.suggestions import suggest
from inklings.spec import Experiment
from inklings.tasks.train import train

COUNT, STEPS = 10, 200
WAYS = ("none", "suggested", "random", "random again")
COLUMNS = ("data", "seed", "way", "dice", "corrected")
CHANGES = {"nuclei": (), "glands": ("sampling.size=192", "model.stride=2")}
Row = dict[str, str]


def full(data: str, source: Path, out: Path) -> Path:
    """The cohort with full masks and a split by patient."""
    if (out / "split.json").exists():
        return out
    if data == "nuclei":
        nuclei = source / "dsb2018_stage1_train.zip"
        import_dataset("dsb2018", nuclei, out=out, fractions=(0.7, 0.1, 0.2))
        return out
    files = out.parent / "files"
    if not files.is_dir():
        with zipfile.ZipFile(source / "glas_dev.zip") as archive:
            archive.extractall(files)
    import_dataset(
        "folder", images=[f"{files}/images/*.jpg"], masks=f"{files}/masks/*.png", instances=True,
        class_name="gland", patient=r"(p\d+)_", out=out, fractions=(0.6, 0.1, 0.3),
    )  # fmt: skip
    return out


def corrected(weak: Path, truth: Path, cases: Sequence[str], out: Path) -> Path:
    """The weak cohort, with the full masks of some cases above their labels."""
    masks = {case.id: case.labels for case in Cohort.read(truth)}
    cohort = Cohort.read(weak)
    told = [
        dataclasses.replace(case, labels=(*case.labels, *map(_above, masks[case.id])))
        if case.id in cases
        else case
        for case in cohort
    ]
    dataclasses.replace(cohort, cases=tuple(told)).write(out)
    return out


def _above(label: object) -> MaskLabel:
    assert isinstance(label, MaskLabel)
    return dataclasses.replace(label, extent="correction")


def trained(cohort: Path, run: Path, data: str, seed: int) -> Path:
    """By the recipe, without correction of outlines, which are exact here."""
    changes = [
        f"cohort={cohort}", f"training.steps={STEPS}", f"training.seed={seed}",
        "training.loggers=[]", "correction=none", *CHANGES[data],
    ]  # fmt: skip
    train(Experiment.load("weak", changes), run, resume=True)
    return run


def dice(run: Path, truth: Path, out: Path) -> float:
    """Mean of the test cases."""
    predict(run, [truth], out, split="test")
    return float(evaluate(out, truth, Settings(metrics=("dice",)))["dice"].value)


def main() -> None:
    """Make what is missing, and print the differences."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("results/suggest"))
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    progress.silence(True)
    out: Path = asked.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    path = out / "suggest.csv"
    rows: list[Row] = list(csv.DictReader(path.open(newline=""))) if path.exists() else []
    for seed in range(asked.seeds):
        for data in CHANGES:
            home = out / data
            truth = full(data, asked.data.resolve(), home / "full")
            weak = home / f"half-{seed}"
            if not (weak / "label_quality.csv").exists():
                simulate_weak_labels(truth, "drop:keep=0.5", out=weak, seed=seed)
            first = trained(weak, home / f"run-{seed}-none", data, seed)
            found = home / f"train-{seed}"
            predict(first, [truth], found, split="train")
            cases = sorted(case.id for case in Cohort.read(truth).part("train"))
            rng = np.random.default_rng(seed)
            chosen = {
                "none": [],
                "suggested": [one.case for one in suggest(found)[:COUNT]],
                "random": rng.choice(cases, COUNT, replace=False).tolist(),
                "random again": rng.choice(cases, COUNT, replace=False).tolist(),
            }
            for way in WAYS:
                if any(r["data"] == data and r["seed"] == str(seed) and r["way"] == way
                       for r in rows):  # fmt: skip
                    continue
                name = f"{seed}-{way.replace(' ', '-')}"
                run = first
                if chosen[way]:
                    told = corrected(weak, truth, chosen[way], home / f"corrected-{name}")
                    run = trained(told, home / f"run-{name}", data, seed)
                score = dice(run, truth, home / f"test-{name}")
                cells = (data, str(seed), way, f"{score:.4f}", " ".join(chosen[way]))
                rows.append(dict(zip(COLUMNS, cells, strict=True)))
                with path.open("w", newline="") as file:
                    writer = csv.DictWriter(file, COLUMNS)
                    writer.writeheader()
                    writer.writerows(rows)
    tell(rows)


def tell(rows: Sequence[Row]) -> None:
    """Mean Dice of each way, and what is gained over chance with its spread over seeds."""
    for data in CHANGES:
        own = [row for row in rows if row["data"] == data]
        seeds = sorted({row["seed"] for row in own})
        at = {(row["seed"], row["way"]): float(row["dice"]) for row in own}
        means = ", ".join(f"{way} {np.mean([at[s, way] for s in seeds]):.3f}" for way in WAYS)
        gains = [at[s, "suggested"] - (at[s, "random"] + at[s, "random again"]) / 2 for s in seeds]
        each = " ".join(f"{gain:+.3f}" for gain in gains)
        print(f"{data}: {means}; suggested - random {np.mean(gains):+.3f} ({each})")  # noqa: T201


if __name__ == "__main__":
    main()
