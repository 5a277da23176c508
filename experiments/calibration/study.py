"""What fitted calibration does to test patients it has not seen: ECE and Brier, before and after.

    python experiments/calibration/study.py --data ../shared/data --out results/calibration

One row a task, seed and class; ``--only glas --seeds 2`` does some. Short trainings on purpose:
what is asked is what probabilities mean, not how good masks are. Everything goes through the
commands that a user types; cohorts and imports are those of ``experiments/plan/measure.py``.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plan"))

from measure import cohort_of, glas, hippocampus, inklings, nuclei

COLUMNS = (
    "task", "seed", "class", "patients", "method", "ece_before", "ece_after", "change", "low",
    "high", "brier_before", "brier_after", "dice_before", "dice_after",
)  # fmt: skip
METRICS = ("ece", "brier", "dice")
BY_HAND = Path(__file__).resolve().parents[1] / "plan" / "glas-by-hand.yaml"


@dataclass(frozen=True)
class Task:
    """A cohort, how its patients are divided, and what learns.

    Attributes:
        make: From the data, the folder of the cohort and the seed to a cohort.
        fractions: Of patients to train on, to calibrate on, to test.
        recipe: The experiment.
        changes: Of it.
    """

    make: Callable[[Path, Path, int], None]
    fractions: tuple[float, float, float]
    recipe: str
    changes: tuple[str, ...] = ()


TASKS = {
    "hippocampus": Task(
        hippocampus, (0.5, 0.2, 0.3), "hippocampus", ("inference.mirroring=false",)
    ),
    "glas": Task(glas, (0.3, 0.5, 0.2), str(BY_HAND), ("inference.mirroring=false",)),
    "nuclei": Task(nuclei, (0.7, 0.1, 0.2), "nuclei", ("inference.mirroring=false",)),
}


def measured(name: str, seed: int, steps: int, data: Path, out: Path) -> list[dict[str, str]]:
    """Train, predict as the network says and as calibrated, score both: a row for each class."""
    task, home = TASKS[name], out / f"{name}-{seed}"
    cohort = str(cohort_of(task.make, data, home, seed))
    inklings("split", cohort, "--fractions", *map(str, task.fractions), "--seed", str(seed))
    run = home / "run"
    changes = (f"cohort={cohort}", f"training.steps={steps}", f"training.seed={seed}",
               "training.loggers=[]", *task.changes)  # fmt: skip
    words = [word for change in changes for word in ("--set", change)]
    inklings("train", task.recipe, *words, "--out", str(run), "--resume")
    inklings("calibrate", str(run), cohort)
    before, after = home / "before", home / "after"
    predict = ("predict", str(run), cohort, "--split", "test")
    inklings(*predict, "--no-calibration", "--out", str(before))
    inklings(*predict, "--out", str(after))
    score = ("--cohort", cohort, *(w for name in METRICS for w in ("--metric", name)))
    inklings("evaluate", str(before), *score)
    inklings("evaluate", str(after), *score, "--compare", str(before))
    fitted = json.loads((run / "calibration.json").read_text())
    was, now = rows(before / "metrics.csv"), rows(after / "metrics.csv")
    with (after / "compare.csv").open(newline="") as file:
        compared = {row["class"]: row for row in csv.DictReader(file) if row["metric"] == "ece"}
    found = []
    for one in fitted["classes"]:
        label = one["name"]
        gap = compared[label]
        row = {
            "task": name, "seed": seed, "class": label, "patients": len(fitted["patients"]),
            "method": one["change"]["method"], "change": f"{float(gap['value']):.4f}",
            "low": f"{float(gap['low']):.4f}", "high": f"{float(gap['high']):.4f}",
            **{f"{metric}_{when}": f"{float(table[metric, label]):.4f}"
               for metric in METRICS
               for when, table in (("before", was), ("after", now))},
        }  # fmt: skip
        found.append({key: str(row[key]) for key in COLUMNS})
    return found


def rows(path: Path) -> dict[tuple[str, str], str]:
    """Value of each metric and class."""
    with path.open(newline="") as file:
        return {(row["metric"], row["class"]): row["value"] for row in csv.DictReader(file)}


def main() -> None:
    """Make what is missing, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("results/calibration"))
    parser.add_argument("--only", nargs="*", choices=TASKS)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200)
    asked = parser.parse_args()
    path = asked.out / "calibration.csv"
    asked.out.mkdir(parents=True, exist_ok=True)
    known = list(csv.DictReader(path.open(newline=""))) if path.exists() else []
    done = {(row["task"], row["seed"]) for row in known}
    for seed in range(asked.seeds):
        for name in asked.only or TASKS:
            if (name, str(seed)) in done:
                continue
            known += measured(name, seed, asked.steps, asked.data.resolve(), asked.out.resolve())
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(known)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")  # noqa: T201
    for row in known:
        print(f"| {' | '.join(row[key] for key in COLUMNS)} |")  # noqa: T201


if __name__ == "__main__":
    main()
