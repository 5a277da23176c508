"""What plans reach: one row a training, resumable; the same minutes by plan and by recipe.

    python experiments/plan/measure.py --data ../shared/data --out results/plan

``--only hippocampus`` does one task, ``--list`` says which there are. A row that is in
``OUT/plan.csv`` is not made again. ``--steps 1000`` trains so many steps of what is planned for
the minutes, for machines on which other work runs. Everything goes through the commands that a
user types.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inklings.datasets.mnist_bags import BagPlan, mnist_bags
from inklings.simulation.phantoms.chaos import write_studies

COLUMNS = ("task", "way", "seed", "minutes", "threads", "score", "low", "high", "steps", "seconds")


@dataclass(frozen=True)
class Task:
    """A cohort, a budget and what is asked.

    Attributes:
        make: From the data, the folder of the cohort and the seed to a cohort with a split.
        minutes: Of training.
        threads: Of torch.
        metric: Averaged over classes.
        asked: What the plan has to reach; None: what the recipe reaches, but for .005.
        recipe: The experiment that was made by hand.
        truth: From the data and a folder to the cohort that answers, if it is another one.
        seeds: Of the training; where ``splits``, of the split too.
        splits: Whether each seed has a split of its own.
    """

    make: Callable[[Path, Path, int], None]
    minutes: float
    threads: int
    metric: str
    asked: float | None
    recipe: str | None = None
    truth: Callable[[Path, Path, int], None] | None = None
    seeds: int = 3
    splits: bool = False


def inklings(*words: str, threads: int = 1) -> None:
    """One command, as a user types it."""
    code = "from inklings.cli import run; run()"
    env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    subprocess.run([sys.executable, "-c", code, *words, "--quiet"], check=True, env=env)


def _split(cohort: Path, *fractions: float, seed: int = 0) -> None:
    inklings("split", str(cohort), "--fractions", *map(str, fractions), "--seed", str(seed))


def hippocampus(data: Path, cohort: Path, seed: int) -> None:  # noqa: ARG001
    """MR crops of 1 mm."""
    classes = ("--classes", "anterior,posterior", "--out", str(cohort))
    inklings("import", "decathlon", str(data / "msd_hippocampus.zip"), *classes)
    _split(cohort, 0.7, 0.1, 0.2)


def _acdc(labels: str, values: str) -> Callable[[Path, Path, int], None]:
    def make(data: Path, cohort: Path, seed: int) -> None:  # noqa: ARG001
        there = unzipped(data / "acdc_scribbles.zip", cohort.parent / "acdc")
        root = next(there.rglob("scribbles")).parent
        inklings(
            "import", "nifti", "--images", f"{root}/images/*.nii.gz", "--masks",
            f"{root}/{labels}/*.nii.gz", "--values", values, "--patient", r"(patient\d+)",
            "--out", str(cohort),
        )  # fmt: skip
        _split(cohort, 0.6, 0.1, 0.3)

    return make


OUTLINES = _acdc("labels", "0=background,1=rv,2=myo,3=lv")
STROKES = _acdc("scribbles", "0=background,1=rv,2=myo,3=lv,4=unlabelled")


def glas(data: Path, cohort: Path, seed: int) -> None:
    """Glands in H&E, split by patient, another way for each seed."""
    there = unzipped(data / "glas_dev.zip", cohort.parent / "glas")
    inklings(
        "import", "folder", "--images", f"{there}/images/*.jpg", "--masks", f"{there}/masks/*.png",
        "--instances", "--class", "gland", "--patient", r"(p\d+)_", "--yes", "--out", str(cohort),
    )  # fmt: skip
    _split(cohort, 0.6, 0.1, 0.3, seed=seed)


def nuclei(data: Path, cohort: Path, seed: int) -> None:  # noqa: ARG001
    """Nuclei of three kinds of microscopy."""
    inklings("import", "dsb2018", str(data / "dsb2018_stage1_train.zip"), "--out", str(cohort))
    _split(cohort, 0.7, 0.1, 0.2)


def liver(data: Path, cohort: Path, seed: int) -> None:  # noqa: ARG001
    """Phantoms of abdominal MR."""
    write_studies(cohort.parent / "chaos", 20, shape=(24, 112, 112))
    how = ("--modality", "mr-t1-inphase", "--organ", "liver", "--out", str(cohort))
    inklings("import", "chaos", str(cohort.parent / "chaos"), *how)
    _split(cohort, 0.7, 0.1, 0.2)


def mnist(data: Path, cohort: Path, seed: int) -> None:
    """A hundred bags of digits to learn from."""
    plan = BagPlan(
        9, "10~2", (100, 0, 1000), parts=(50_000, 0, 10_000), seed=seed, test_seed=0, draw="again"
    )
    mnist_bags(str(data / "mnist"), cohort, plan)


def chests(data: Path, cohort: Path, seed: int) -> None:  # noqa: ARG001
    """Phantoms of chest CT with nodules."""
    phantoms = str(cohort.parent / "phantoms")
    inklings("phantoms", "luna16", "--count", "48", "--seed", "2", "--out", phantoms)
    inklings("import", "luna16", phantoms, "--out", str(cohort))
    _split(cohort, 0.5, 0.125, 0.375)


TASKS: dict[str, Task] = {
    "hippocampus-288": Task(hippocampus, 4.8, 1, "dice", 0.874),
    "hippocampus-900": Task(hippocampus, 15, 1, "dice", 0.880),
    "acdc": Task(OUTLINES, 5, 2, "dice", 0.80),
    "acdc-90": Task(OUTLINES, 1.5, 1, "dice", 0.754),
    "strokes": Task(STROKES, 10, 2, "dice", None, "scribbles", truth=OUTLINES),
    "glas": Task(glas, 5, 2, "dice", 0.86, splits=True),
    "nuclei": Task(nuclei, 5, 2, "dice", 0.905, "nuclei"),
    "liver": Task(liver, 5, 2, "dice", None, "liver"),
    "mnist": Task(mnist, 5, 2, "auc", None, "mnist", splits=True),
    "chests": Task(chests, 7, 2, "cpm", None, "detector", seeds=1),
}


def unzipped(archive: Path, folder: Path) -> Path:
    """What is in an archive, on disk."""
    if not folder.exists():
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
    return folder


def cohort_of(make: Callable[[Path, Path, int], None], data: Path, folder: Path, seed: int) -> Path:
    """The cohort of a task; made once."""
    cohort = folder / "cohort"
    if not (cohort / "split.json").exists() and not (folder / "made").exists():
        folder.mkdir(parents=True, exist_ok=True)
        make(data, cohort, seed)
        (folder / "made").touch()
    return cohort


def measured(
    name: str, way: str, seed: int, data: Path, out: Path, steps: int | None
) -> dict[str, object]:
    """Train, predict, score: one row."""
    task = TASKS[name]
    split = seed if task.splits else 0
    cohort = cohort_of(task.make, data, out / f"{id_of(task)}-{split}", split)
    answers = cohort
    if task.truth is not None:
        answers = cohort_of(task.truth, data, out / f"{id_of(task)}-truth", split)
    run, found = out / "runs" / f"{name}-{way}-{seed}", out / "found" / f"{name}-{way}-{seed}"
    source = [str(cohort)] if way == "plan" else [way, "--set", f"cohort={cohort}"]
    length = []
    if steps:
        length = ["--set", "training.minutes=null", "--set", f"training.steps={steps}"]
    elif way in ("nuclei", "liver", "detector"):
        length = ["--set", "training.steps=1000000000"]
    inklings(
        "train", *source, *length, "--minutes", str(task.minutes), "--set", f"training.seed={seed}",
        "--set", "training.loggers=[]", "--out", str(run), "--resume", threads=task.threads,
    )  # fmt: skip
    inklings("predict", str(run), str(answers), "--split", "test", "--out", str(found))
    froc = ["--froc", "--split", "test"] if task.metric == "cpm" else []
    inklings("evaluate", str(found), "--cohort", str(answers), *froc)
    return {"task": name, "way": way, "seed": seed, "minutes": task.minutes,
            "threads": task.threads, **score(found, task.metric), **spent(run)}  # fmt: skip


def id_of(task: Task) -> str:
    """A name for the cohort that tasks may share."""
    return {OUTLINES: "acdc", STROKES: "strokes"}.get(task.make, task.make.__name__)


def score(found: Path, metric: str) -> dict[str, str]:
    """Mean over classes; an interval where there is one class."""
    if metric == "cpm":
        froc = json.loads((found / "froc.json").read_text())
        return {"score": f"{froc['cpm']:.4f}", "low": "", "high": ""}
    rows = list(csv.DictReader((found / "metrics.csv").open(newline="")))
    rows = [row for row in rows if row["metric"] == metric]
    mean = np.mean([float(row["value"]) for row in rows])
    one = rows[0] if len(rows) == 1 else {"low": "", "high": ""}
    return {"score": f"{mean:.4f}", "low": one["low"], "high": one["high"]}


def spent(run: Path) -> dict[str, object]:
    """Steps and seconds of a training."""
    record = json.loads((run / "run.json").read_text())
    return {"steps": record["facts"]["steps"], "seconds": f"{record['seconds']:.0f}"}


def table(rows: list[dict[str, str]]) -> None:
    """Mean over seeds beside what was asked."""
    print("| task | minutes x threads | way | seeds | mean | each | steps | asked |")  # noqa: T201
    print("|---|---|---|---|---|---|---|---|")  # noqa: T201
    for name, task in TASKS.items():
        for way in dict.fromkeys(row["way"] for row in rows if row["task"] == name):
            own = [row for row in rows if row["task"] == name and row["way"] == way]
            scores = [float(row["score"]) for row in own]
            asked = f"{task.asked:g}" if task.asked else f"{task.recipe} - .005"
            cells = [
                name, f"{task.minutes:g} x {task.threads}", way, str(len(own)),
                f"{np.mean(scores):.4f}", " ".join(row["score"] for row in own),
                " ".join(row["steps"] for row in own), asked,
            ]  # fmt: skip
            print(f"| {' | '.join(cells)} |")  # noqa: T201


def main() -> None:
    """Make what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("results/plan"))
    parser.add_argument("--only", nargs="*", choices=TASKS)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--steps", type=int, help="Instead of the clock.")
    parser.add_argument("--list", action="store_true")
    asked = parser.parse_args()
    if asked.list:
        print("\n".join(TASKS))  # noqa: T201
        return
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / "plan.csv"
    rows = list(csv.DictReader(path.open(newline=""))) if path.exists() else []
    done = {(row["task"], row["way"], row["seed"]) for row in rows}
    wanted = [
        (name, way, seed)
        for seed in range(asked.seeds or max(task.seeds for task in TASKS.values()))
        for name in asked.only or TASKS
        for way in filter(None, ("plan", TASKS[name].recipe))
        if seed < (asked.seeds or TASKS[name].seeds)
    ]
    for name, way, seed in wanted:
        if (name, way, str(seed)) in done:
            continue
        row = measured(name, way, seed, asked.data.resolve(), asked.out.resolve(), asked.steps)
        rows.append({key: str(value) for key, value in row.items()})
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        print(",".join(rows[-1].values()), flush=True)  # noqa: T201
    table(rows)


if __name__ == "__main__":
    main()
