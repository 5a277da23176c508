"""Processor seconds to a test Dice on the hippocampus: ours by plan, an older build, nnU-Net.

    python benchmarks/bench_time_to_dice.py --data ../shared/data --out results/time
    python benchmarks/bench_time_to_dice.py --before ../inklings-0.1 --nnunet nnunet/bin/python ...

Everybody has one thread, the same patients to learn from and the same 40 to be tested on. A rung is
a training of its own, since schedules follow the budget; its seconds are those of the whole command
(start, preparation, training), without the prediction. ``--before`` is a source tree of an older
build, which imports, trains its recipe for some numbers of steps, predicts and scores by itself.
``--nnunet`` is the interpreter of an environment with nnunetv2 (``pip install nnunetv2==2.8.1``),
which plans for itself and trains its own ``3d_fullres``; where it is left out the table says so.
Its epochs are cut short (``--iterations``), its augmentation runs in the process of the training.
What is in ``OUT/time.csv`` is not made again.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ASKED = 0.86
SECONDS = (15, 30, 60, 120, 240)
STEPS = (75, 150, 300, 600, 1200)
RUN = "from inklings.cli import run; run()"
TRAIN = """
import sys, torch
torch.set_num_threads(1)
from nnunetv2.run.run_training import get_trainer_from_args
trainer = get_trainer_from_args("1", "3d_fullres", 0, device=torch.device("cpu"))
trainer.num_iterations_per_epoch = 25
trainer.num_val_iterations_per_epoch = 2
trainer.num_epochs = int(sys.argv[1]) // 25
trainer.run_training()
"""
PREDICT = """
import sys, torch
torch.set_num_threads(1)
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
predictor = nnUNetPredictor(device=torch.device("cpu"), perform_everything_on_device=False)
predictor.initialize_from_trained_model_folder(sys.argv[1], (0,), "checkpoint_final.pth")
predictor.predict_from_files(sys.argv[2], sys.argv[3], num_processes_preprocessing=1,
                             num_processes_segmentation_export=1)
"""
COLUMNS = ("who", "seed", "rung", "seconds", "prediction", "dice", "anterior", "posterior")
Row = dict[str, str]


def ran(words: Sequence[str], **more: str) -> float:
    """Processor seconds of a command and of all that it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    env = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", **more}
    subprocess.run(words, check=True, env=env, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@dataclass
class Bench:
    """What the rungs share.

    Attributes:
        out: Where they are kept.
        source: Archive of the data.
        cohort: With full masks and a split.
        nnunet: Interpreter of nnU-Net.
        before: Source tree of the older build.
    """

    out: Path
    source: Path
    cohort: Path
    nnunet: Path | None
    before: Path | None

    def of(self, who: str) -> Path:
        """The cohort as a build has it; made where it is missing."""
        cohort, tree = (self.cohort, None)
        if who == "before":
            cohort, tree = self.out / "hippocampus-before", self.before
        if not (cohort / "split.json").exists():
            named = ("--classes", "anterior,posterior", "--out", str(cohort))
            self.inklings("import", "decathlon", str(self.source), *named, tree=tree)
            fractions = ("--fractions", "0.7", "0.1", "0.2", "--seed", "0")
            self.inklings("split", str(cohort), *fractions, tree=tree)
        return cohort

    def inklings(self, *words: str, tree: Path | None = None) -> float:
        """One command of this build, or of another."""
        more = {"PYTHONPATH": str(tree / "src")} if tree else {}
        return ran([sys.executable, "-c", RUN, *words, "--quiet"], **more)

    def ours(self, rung: int, seed: int, run: Path) -> float:
        """By plan."""
        return self.inklings(
            "train", str(self.cohort), "--minutes", f"{rung / 60:.6g}", "--out", str(run),
            "--set", f"training.seed={seed}", "--set", "training.loggers=[]",
        )  # fmt: skip

    def older(self, rung: int, seed: int, run: Path) -> float:
        """By its recipe."""
        assert self.before is not None
        kept = self.before / "experiments" / "hippocampus" / "hippocampus.yaml"
        return self.inklings(
            "train", str(kept) if kept.exists() else "hippocampus",
            "--set", f"cohort={self.of('before')}", "--set", f"training.steps={rung}",
            "--set", f"training.seed={seed}", "--out", str(run), tree=self.before,
        )  # fmt: skip

    def theirs(self, rung: int, seed: int, run: Path) -> float:  # noqa: ARG002
        """By their plan and trainer."""
        assert self.nnunet is not None
        python, home = str(self.nnunet), self.out / "nnunet"
        env = {f"nnUNet_{part}": str(home / part) for part in ("raw", "preprocessed")}
        env |= {"nnUNet_results": str(run), "nnUNet_n_proc_DA": "0", "nnUNet_compile": "f"}
        raw = home / "raw" / "Dataset001_hippocampus"
        spent = 0.0
        if not (home / "preprocessed" / raw.name / "splits_final.json").exists():
            if not (raw / "dataset.json").exists():
                self.inklings("export", str(self.cohort), "--to", "nnunet", "--out", str(raw))
            plan = "from nnunetv2.experiment_planning.plan_and_preprocess_entrypoints import *; "
            start = [python, "-c", plan + "plan_and_preprocess_entry()"]
            spent += ran(
                [*start, "-d", "1", "-c", "3d_fullres", "-np", "1", "-npfp", "1"],
                **env | {"nnUNet_n_proc_DA": "1"},
            )
            split = (raw / "splits_final.json").read_bytes()
            (home / "preprocessed" / raw.name / "splits_final.json").write_bytes(split)
        return spent + ran([python, "-c", TRAIN, str(rung)], **env)

    def predicted(self, who: str, run: Path, found: Path) -> float:
        """Predictions of the test patients, as ours can score them."""
        if who != "nnU-Net":
            tree = self.before if who == "before" else None
            words = ("predict", str(run), str(self.of(who)), "--split", "test", "--out", str(found))
            return self.inklings(*words, tree=tree)
        trained = next(run.rglob("fold_0")).parent
        images = self.out / "nnunet" / "raw" / "Dataset001_hippocampus" / "imagesTs"
        masks = found.parent / f"{found.name}-masks"
        script = [str(self.nnunet), "-c", PREDICT, str(trained), str(images), str(masks)]
        spent = ran(script)
        words = (str(masks), "--cohort", str(self.cohort), "--out", str(found))
        self.inklings("import", "predictions", *words)
        return spent

    def row(self, who: str, rung: int, seed: int) -> Row:
        """One rung."""
        ways: Mapping[str, Callable[[int, int, Path], float]] = {
            "plan": self.ours, "before": self.older, "nnU-Net": self.theirs,
        }  # fmt: skip
        name = f"{who}-{rung}-{seed}"
        run, found = self.out / "runs" / name, self.out / "found" / name
        seconds = ways[who](rung, seed, run)
        prediction = self.predicted(who, run, found)
        judged = ("evaluate", str(found), "--cohort", str(self.of(who)), "--metric", "dice")
        self.inklings(*judged, tree=self.before if who == "before" else None)
        with (found / "metrics.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["metric"] == "dice"]
        dice = {row["class"]: float(row["value"]) for row in rows}
        numbers = (float(np.mean(list(dice.values()))), *dice.values())
        cells = (who, seed, rung, f"{seconds:.0f}", f"{prediction:.0f}")
        return dict(zip(COLUMNS, [*map(str, cells), *(f"{n:.4f}" for n in numbers)], strict=True))


def reached(rows: Sequence[Row], who: str, dice: float) -> float | None:
    """Fewest seconds of a rung that came to a Dice in the mean of its seeds."""
    rungs = dict.fromkeys(row["rung"] for row in rows if row["who"] == who)
    means = {
        rung: [
            (float(row["seconds"]), float(row["dice"]))
            for row in rows
            if row["who"] == who and row["rung"] == rung
        ]
        for rung in rungs
    }
    there = [np.mean(m, 0)[0] for m in means.values() if np.mean(m, 0)[1] >= dice]
    return float(min(there)) if there else None


def told(rows: Sequence[Row], asked: float) -> list[str]:
    """The table and what it says."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    lines += [f"| {' | '.join(row[name] for name in COLUMNS)} |" for row in rows]
    ours, older = reached(rows, "plan", asked), reached(rows, "before", asked)
    lines.append(f"to a Dice of {asked}: plan {_s(ours)}, before {_s(older)}{_ratio(ours, older)}")
    peers = [row for row in rows if row["who"] == "nnU-Net"]
    if not peers:
        lines.append("nnU-Net: not run (--nnunet PYTHON of an environment that has nnunetv2)")
    for row in peers:
        dice, seconds = float(row["dice"]), float(row["seconds"])
        ours = reached(rows, "plan", dice)
        lines.append(f"to its {dice:.3f}: nnU-Net {seconds:.0f} s, plan {_s(ours)}"
                     f"{_ratio(ours, seconds)}")  # fmt: skip
    return lines


def _s(seconds: float | None) -> str:
    return "not reached" if seconds is None else f"{seconds:.0f} s"


def _ratio(ours: float | None, theirs: float | None) -> str:
    return f" (1/{theirs / ours:.1f})" if ours and theirs else ""


def main() -> None:
    """Make the rungs that are missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("results/time"))
    parser.add_argument("--before", type=Path)
    parser.add_argument("--nnunet", type=Path)
    parser.add_argument("--iterations", type=int, nargs="*", default=[300])
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    out: Path = asked.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    before, nnunet = (path and path.absolute() for path in (asked.before, asked.nnunet))
    source = asked.data.resolve() / "msd_hippocampus.zip"
    bench = Bench(out, source, out / "hippocampus", nnunet, before)
    bench.of("plan")
    path = out / "time.csv"
    rows: list[Row] = list(csv.DictReader(path.open(newline=""))) if path.exists() else []
    done = {(row["who"], row["rung"], row["seed"]) for row in rows}
    wanted = [("plan", rung, seed) for seed in range(asked.seeds) for rung in SECONDS]
    if bench.before:
        wanted += [("before", rung, seed) for seed in range(asked.seeds) for rung in STEPS]
    if bench.nnunet:
        wanted += [("nnU-Net", rung, 0) for rung in asked.iterations]
    for who, rung, seed in sorted(wanted, key=lambda one: one[2]):
        if (who, str(rung), str(seed)) in done:
            continue
        rows.append(bench.row(who, rung, seed))
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        print(" ".join(rows[-1].values()), flush=True)
    print("\n".join(told(rows, ASKED)))


if __name__ == "__main__":
    main()
