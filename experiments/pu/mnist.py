"""Non-negative PU learning on even against odd digits: nnPU, uPU and PN side by side.

    python experiments/pu/mnist.py ../shared/data/mnist --out results/pu-mnist --labelled 100

One training a cell (`inklings.benchmark.engine`), each on one thread; what has a result is not run
again. Digits are dealt anew for each seed: 2,000 to test, up to 58,000 to train, few of them
labelled. The error is that of the last step; nothing is chosen by test digits.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch

from inklings import progress
from inklings.bags.writer import write_bags
from inklings.benchmark.engine import Row, StudyTable, run_cells
from inklings.cohorts.cohort import Cohort
from inklings.data.bag_examples import gather_bags
from inklings.datasets.pu_patches import PuPatches
from inklings.spec import BagExperiment, Experiment
from inklings.tasks.bags import learn

EVEN, ODD = ("0", "2", "4", "6", "8"), ("1", "3", "5", "7", "9")
METHODS = {
    "nnPU": ("loss.name=nnpu",),
    "uPU": ("loss.name=upu",),
    "PN": ("loss.name=pnu", "loss.eta=0"),
}
MODELS: dict[str, tuple[str, ...]] = {"mlp": (), "cnn": ("model.encoder=small_cnn",)}
TEST = 2000
COLUMNS = ("model", "labelled", "method", "seed", "error", "lowest_error", "risk", "seconds")


@dataclass(frozen=True)
class Cell:
    """One training."""

    model: str
    labelled: int
    method: str
    seed: int

    phase = 0

    @property
    def file(self) -> str:
        """Its result."""
        return f"{self.model}-{self.labelled}-{self.method}-{self.seed}.json"


def cohort(mnist: Path, out: Path, unlabelled: int, cell: Cell) -> Path:
    """Digits of a seed; negatives for PN as many as in the paper, (pi_n / 2 pi_p)^2 n_p."""
    negatives = round((0.508 / (2 * 0.492)) ** 2 * cell.labelled) if cell.method == "PN" else 0
    folder = out / f"cohort-{cell.labelled}-{negatives}-{cell.seed}"
    if not (folder / "cohort.yaml").is_file():
        made = PuPatches(
            str(mnist), EVEN, ODD, labelled_positives=cell.labelled, labelled_negatives=negatives,
            test=TEST, most_unlabelled=unlabelled, seed=cell.seed,
        ).made()  # fmt: skip
        write_bags(folder, "digits", made.classes, made.bags, made.facts)
    return folder


def work(mnist: Path, out: Path, unlabelled: int, steps: int, batch: int, cell: Cell) -> Row:
    """Train one cell; its curves are kept, ten points."""
    torch.set_num_threads(1)
    folder = cohort(mnist, out, unlabelled, cell)
    there = Cohort.read(folder)
    changes = [
        f"cohort={folder}", f"loss.prior={there.facts['prior']}", f"training.seed={cell.seed}",
        f"training.steps={steps}", f"training.batch_size={batch}", "training.loggers=[]",
        f"training.validate_every={max(1, steps // 20)}", f"training.log_every={steps // 20}",
        *METHODS[cell.method], *MODELS[cell.model],
    ]  # fmt: skip
    spec = Experiment.load("nnpu_mnist", changes)
    assert isinstance(spec, BagExperiment)
    names: dict[str, Any] = {"classes": there.classes, "task": "binary"}
    reads = cell.method != "PN"
    train = gather_bags(there.part("train"), there.classes, "binary", unlabelled=reads)
    test = gather_bags(there.part("test"), there.classes, "binary")
    done = learn(spec, train, test, **names)
    curve = [row for row in done.history if "val_error" in row]
    errors = [row["val_error"] for row in curve]
    return {
        "error": errors[-1], "lowest_error": min(errors), "risk": curve[-1]["val_loss"],
        "training_risk": curve[-1].get("loss"), "seconds": done.seconds,
        "curve": [dict(row) for row in done.history],
    }  # fmt: skip


def summary(rows: list[Row]) -> Iterator[str]:
    """Mean and spread over seeds."""
    yield "| network | labelled | method | seeds | test error, % | lowest, % | test risk |"
    yield "|---|---|---|---|---|---|---|"
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["model"], row["labelled"], row["method"]), []).append(row)
    for key, group in groups.items():
        cells = [
            _spread([row[name] * scale for row in group], digits)
            for name, scale, digits in (("error", 100, 1), ("lowest_error", 100, 1), ("risk", 1, 3))
        ]
        yield f"| {key[0]} | {key[1]} | {key[2]} | {len(group)} | {' | '.join(cells)} |"


def _spread(values: list[float], digits: int) -> str:
    spread = np.std(values, ddof=1) if len(values) > 1 else float("nan")
    return f"{np.mean(values):.{digits}f} ± {spread:.{digits}f}"


def draw(rows: list[Row], path: Path, epoch: float) -> None:
    """Risk in training and on test digits by epoch, as the paper's figure 1: mean and spread."""
    groups = list(dict.fromkeys((row["model"], row["labelled"]) for row in rows))
    figure, axes = plt.subplots(2, len(groups), figsize=(4.4 * len(groups), 6), squeeze=False)
    colours = {"nnPU": "#0072b2", "uPU": "#d55e00", "PN": "#666666"}
    for k, (model, labelled) in enumerate(groups):
        for method, colour in colours.items():
            mine = [
                r["curve"] for r in rows
                if (r["model"], r["labelled"], r["method"]) == (model, labelled, method)
            ]  # fmt: skip
            for name, row, style in (
                ("loss", 0, "--"),
                ("val_loss", 0, "-"),
                ("val_error", 1, "-"),
            ):
                axis = axes[row, k]
                lines = [[(r["step"], r[name]) for r in curve if name in r] for curve in mine]
                if not lines or not lines[0]:
                    continue
                x = np.array([step for step, _ in lines[0]]) / epoch
                y = np.array([[value for _, value in line] for line in lines])
                told = f"{method} {'training' if name == 'loss' else 'test'}"
                axis.plot(x, y.mean(0), style, color=colour, label=told)
                axis.fill_between(
                    x, y.mean(0) - y.std(0), y.mean(0) + y.std(0), color=colour, alpha=0.15
                )
        axes[0, k].axhline(0, color="#999999", lw=0.7)
        axes[0, k].set(
            title=f"{model}, {labelled} labelled", ylabel="risk, sigmoid loss", ylim=(-0.55, 0.6)
        )
        axes[1, k].set(xlabel="epoch", ylabel="test error", ylim=(0, 0.55))
        axes[0, k].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run what is missing, write table and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mnist", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/pu-mnist"))
    parser.add_argument("--models", nargs="+", default=["mlp"])
    parser.add_argument("--labelled", type=int, nargs="+", default=[100])
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--unlabelled", type=int, default=57_900)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=30_000)
    asked = parser.parse_args()
    progress.silence(True)
    cells = [
        Cell(model, labelled, method, seed)
        for model in asked.models for labelled in asked.labelled
        for seed in range(asked.seeds) for method in asked.methods
    ]  # fmt: skip
    table = StudyTable(asked.out / "table.csv", COLUMNS)
    task = partial(work, asked.mnist, asked.out, asked.unlabelled, asked.steps, asked.batch)
    rows = run_cells(task, cells, asked.out, table)
    print("\n".join(summary(rows)))  # noqa: T201
    draw(rows, asked.out / "curves.png", asked.unlabelled / asked.batch)


if __name__ == "__main__":
    main()
