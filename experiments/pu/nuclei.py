"""Nuclei from labelled patches: patch classifiers learnt by nnPU, uPU, PNU and PN segment pictures.

    python experiments/pu/nuclei.py ../shared/data/dsb2018_stage1_train.zip --out results/pu-nuclei

From fluorescence pictures, 30 to train and 10 to test: patches around samples of nuclei (positive),
around samples beside them (negative) and around any sample (unlabelled). A patch is positive if its
middle lies on a nucleus. The classifier scans the test pictures, and Dice is that of pixels, before
and after the dense CRF. A cell that has a result is not run again.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from inklings import progress
from inklings.benchmark.engine import Row, StudyTable, run_cells
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import labelled_image, open_case
from inklings.cohorts.rasterise import annotate
from inklings.datasets import importing
from inklings.datasets.dsb2018 import Dsb2018
from inklings.datasets.pu_patches import PuPatches
from inklings.evaluation.evaluate import evaluate
from inklings.inference.predict import predict
from inklings.spec import Experiment
from inklings.tasks.train import train

METHODS = {
    "nnPU": ("loss.name=nnpu",),
    "uPU": ("loss.name=upu",),
    "PNU": ("loss.name=pnu", "loss.eta=0.5", "loss.clip=true"),
    "PN": ("loss.name=pnu", "loss.eta=0"),
}
COLUMNS = ("method", "labelled", "seed", "dice", "dice_crf", "precision", "recall", "seconds")
SIDE, TRAIN, TEST, UNLABELLED = 24, 30, 10, 1500


@dataclass(frozen=True)
class Cell:
    """One training."""

    method: str
    labelled: int
    seed: int

    phase = 0

    @property
    def file(self) -> str:
        """Its result."""
        return f"{self.method}-{self.labelled}-{self.seed}.json"


def pictures(archive: Path, out: Path) -> Cohort:
    """Dark fluorescence pictures of 256 x 256 as a cohort; the last are for testing."""
    if not (out / "cohort" / "cohort.yaml").is_file():
        with zipfile.ZipFile(archive) as zipped:
            names = sorted(name for name in zipped.namelist() if "/images/" in name)
            order = np.random.default_rng(0).permutation(len(names))
            chosen: list[str] = []
            for name in (names[i] for i in order):
                with Image.open(io.BytesIO(zipped.read(name))) as picture:
                    grey = np.asarray(picture.convert("L"))
                if grey.shape == (256, 256) and grey.mean() < 60:
                    chosen.append(name.split("/images/")[0])
                if len(chosen) == TRAIN + TEST:
                    break
            inside = [n for n in zipped.namelist() if n.startswith(tuple(f"{c}/" for c in chosen))]
            zipped.extractall(out / "chosen", inside)
        folder = (out / "chosen" / chosen[0]).parent
        cohort = importing.run(Dsb2018(folder), out / "cohort", 1).cohort
        parts = {name.split("/")[-1]: i < TRAIN for i, name in enumerate(chosen)}
        cases = tuple(
            dataclasses.replace(case, split="train" if parts[case.id] else "test")
            for case in cohort
        )
        dataclasses.replace(cohort, cases=cases).write(out / "cohort")
    return Cohort.read(out / "cohort")


def seen(cohort: Cohort) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.bool_]]]:
    """Id, picture ``(H, W, 3)`` and where nuclei are, of the pictures to train on."""
    for case in cohort.part("train"):
        with open_case(case) as image:
            samples, geometry = image.read(image.geometry.full), image.geometry
        said = annotate(case, labelled_image(case), geometry, cohort.classes)
        yield case.id, np.moveaxis(samples[:3], 0, -1), said.category > 0


def cut(cohort: Cohort, out: Path, labelled: int, unlabelled: int, seed: int) -> float:
    """Write patches in folders P, N and U; the share of nuclei where the unlabelled lie."""
    rng, shares = np.random.default_rng(seed), []
    for name, picture, nuclei in seen(cohort):
        wide = nuclei.shape[1]
        pads = [(SIDE // 2, SIDE - SIDE // 2)] * 2
        padded = np.pad(picture, [*pads, (0, 0)], "reflect")
        shares.append(nuclei.mean())
        everywhere = np.ones_like(nuclei)
        for kind, mask, count in (
            ("P", nuclei, labelled), ("N", ~nuclei, labelled), ("U", everywhere, unlabelled),
        ):  # fmt: skip
            (out / kind).mkdir(parents=True, exist_ok=True)
            places = np.flatnonzero(mask)
            for i, place in enumerate(rng.choice(places, count // TRAIN)):
                y, x = divmod(int(place), wide)
                patch = np.ascontiguousarray(padded[y : y + SIDE, x : x + SIDE])
                Image.fromarray(patch).save(out / kind / f"{name[:8]}-{i}.png")
    return float(np.mean(shares))


def work(archive: Path, out: Path, steps: int, cell: Cell) -> Row:
    """Cut, import, train, scan, score; with and without the CRF."""
    torch.set_num_threads(1)
    cohort = pictures(archive, out)
    folder = out / f"patches-{cell.labelled}-{cell.seed}"
    stated = folder / "prior.txt"
    if not stated.is_file():
        prior = cut(cohort, folder / "in", cell.labelled, UNLABELLED, cell.seed)
        asked = PuPatches(str(folder / "in"), class_name="nucleus", held_back=(30, 30))
        importing.run(asked, folder / "cohort", 1)
        stated.write_text(f"{prior:.4f}")
    changes = [
        f"cohort={folder / 'cohort'}", f"loss.prior={stated.read_text()}",
        f"training.seed={cell.seed}", f"training.steps={steps}", "training.loggers=[]",
        *METHODS[cell.method],
    ]  # fmt: skip
    run = out / f"run-{cell.method}-{cell.labelled}-{cell.seed}"
    train(Experiment.load("pu_patches", changes), run, resume=True)
    found: dict[str, Any] = {}
    for name, options in (("", {}), ("_crf", {"refine": "crf"})):
        scanned = out / f"out-{cell.method}-{cell.labelled}-{cell.seed}{name}"
        done = predict(run, [out / "cohort"], scanned, split="test", **options)  # type: ignore[arg-type]
        table = evaluate(scanned, out / "cohort")
        found[f"dice{name}"] = table["dice"].value
        if not name:
            found |= {k: table[k].value for k in ("precision", "recall")}
            found |= {"seconds": done.seconds, "interval": [table["dice"].low, table["dice"].high]}
        else:
            found["interval_crf"] = [table["dice"].low, table["dice"].high]
    return found


def main() -> None:
    """Run what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/pu-nuclei"))
    parser.add_argument("--labelled", type=int, nargs="+", default=[300])
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    asked = parser.parse_args()
    progress.silence(True)
    cells = [
        Cell(method, labelled, seed)
        for seed in range(asked.seeds) for labelled in asked.labelled for method in asked.methods
    ]  # fmt: skip
    table = StudyTable(asked.out / "table.csv", COLUMNS)
    run_cells(partial(work, asked.archive, asked.out, asked.steps), cells, asked.out, table)
    print((asked.out / "table.csv").read_text())  # noqa: T201


if __name__ == "__main__":
    main()
