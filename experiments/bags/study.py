"""The numbers of this folder: one row a training, resumable, summed up in a table.

    python experiments/bags/study.py mnist --data ../shared/data --out results/bags

Tables: reference, mnist, members, recipe, digits, hard. A row that is in ``OUT/<table>.csv`` is not
made again. Training digits and test digits are disjoint, and nothing is chosen by test bags.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inklings import progress
from inklings.datasets.mnist_bags import BagPlan, mnist_bags
from inklings.evaluation.evaluate import evaluate
from inklings.inference.predict import predict
from inklings.runs.run import RunRecord
from inklings.spec import Experiment
from inklings.tasks.train import train

SPLIT = (50_000, 0, 10_000)
_ONE = {"positives": "balanced", "positives_a_bag": 1}
METRICS = ("accuracy", "auc", "instance_auc", "top1", "instance_auc_attention")
COLUMNS = ("setting", "pooling", "bags", "seed", *METRICS, "seconds", "processor_seconds", "steps")


@dataclass(frozen=True)
class Cell:
    """One training and its test."""

    setting: str
    pooling: str
    recipe: str
    source: str
    plan: BagPlan
    seed: int
    changes: tuple[str, ...] = field(default=())

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it this row."""
        return self.setting, self.pooling, str(self.plan.bags[0]), str(self.seed)


def recipe(bags: int) -> tuple[str, ...]:
    """Bags a step and steps: 7,000 presentations of few bags, 8,000 of more."""
    size, presentations = (4, 7000) if bags <= 100 else (16, 8000)
    return (f"training.batch_size={size}", f"training.steps={presentations // size}")


def cells(table: str, data: Path) -> Iterator[Cell]:
    """What a table is made of; seed by seed, so that an unfinished one is even."""
    if table not in TABLES:
        raise SystemExit(f"no table {table!r}; there are {', '.join(TABLES)}")
    seeds, made = TABLES[table]
    for seed in range(seeds):
        yield from made(str(data / "mnist"), seed)


def _reference(mnist: str, seed: int) -> Iterator[Cell]:
    plan = BagPlan(1, "3-7", (-1, -1, -1), parts=(45_000, 5_000, 10_000))
    for pooling in ("noisy_or", "lse", "gated_attention") if not seed else ("noisy_or",):
        yield Cell("digit 1, bags of 3-7", pooling, "bags_reference", mnist, plan, seed)


def _mnist(mnist: str, seed: int) -> Iterator[Cell]:
    for count in (50, 100, 200, 500):
        plan = _plan(count, seed, draw="again")
        yield Cell("digit 9, 10 ~ 2", "noisy_or", "mnist", mnist, plan, seed, recipe(count))


def _members(mnist: str, seed: int) -> Iterator[Cell]:
    plan, two = _plan(50, seed, draw="again"), "model.members=2"
    yield Cell("two networks", "noisy_or", "mnist", mnist, plan, seed, (*recipe(50), two))


def _recipe(mnist: str, seed: int) -> Iterator[Cell]:
    for draw in ("loader", "balanced_loader"):
        for count in (50, 100):
            plan = _plan(count, seed + 1, draw=draw)  # its seeds begin with 1
            for pooling in ("attention", "gated_attention"):
                yield Cell(draw, pooling, "recipe2018", mnist, plan, seed)
            yield Cell(f"{draw}, ours", "noisy_or", "mnist", mnist, plan, seed, recipe(count))


def _digits(_: str, seed: int) -> Iterator[Cell]:
    plan = BagPlan(1, "3-7", (200, 50, 300), draw="again", seed=seed, test_seed=0)
    yield Cell("offline digits", "noisy_or", "digits", "digits", plan, seed)


def _hard(mnist: str, seed: int) -> Iterator[Cell]:
    settings: dict[str, dict[str, Any]] = {
        "digit 8, 10 ~ 2": {"target": 8, "size": "10~2"},
        "digit 8, 10 ~ 2, one positive": {"target": 8, "size": "10~2", **_ONE},
        "digit 9, 100 ~ 20, one positive": {"target": 9, "size": "100~20", **_ONE},
    }
    for name, options in settings.items():
        large = "100 ~ 20" in name
        steps = ("training.batch_size=8", "training.steps=250") if large else recipe(200)
        for pooling in ("noisy_or", "lse", "gated_attention"):
            plan = _plan(200, seed, draw="again", test=300 if large else 1000, **options)
            yield Cell(name, pooling, "mnist", mnist, plan, seed, steps)


def _plan(count: int, seed: int, test: int = 1000, **options: Any) -> BagPlan:
    asked = {"target": 9, "size": "10~2", **options}
    return BagPlan(bags=(count, 0, test), parts=SPLIT, seed=seed, test_seed=0, **asked)


TABLES = {
    "reference": (3, _reference),
    "mnist": (5, _mnist),
    "members": (5, _members),
    "recipe": (3, _recipe),
    "digits": (5, _digits),
    "hard": (2, _hard),
}
"""Seeds, and the cells of one."""


def run(cell: Cell, work: Path) -> dict[str, object]:
    """Bags, training, prediction and scores of one cell, by the library's public functions."""
    shutil.rmtree(work, ignore_errors=True)
    mnist_bags(cell.source, work / "cohort", cell.plan)
    changes = [
        f"cohort={work / 'cohort'}", f"training.seed={cell.seed}", "training.loggers=[]",
        "training.checkpoint_every=1000000", f"model.pooling={cell.pooling}", *cell.changes,
    ]  # fmt: skip
    spec = Experiment.load(cell.recipe, changes)
    before = time.process_time()
    train(spec, work / "run")
    spent = time.process_time() - before
    predict(work / "run", [work / "cohort"], work / "out", split="test")
    table = evaluate(work / "out", work / "cohort")
    record = RunRecord.read(work / "run")
    row: dict[str, object] = dict(zip(COLUMNS[:4], cell.key, strict=True))
    row |= {name: f"{table[name].value:.5f}" if name in table else "" for name in METRICS}
    row |= {"seconds": f"{record.seconds:.1f}", "processor_seconds": f"{spent:.1f}"}
    return {**row, "steps": record.facts["steps"]}


def summary(rows: list[dict[str, str]]) -> Iterator[str]:
    """Mean over seeds, and the lowest."""
    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault((row["setting"], row["pooling"], row["bags"]), []).append(row)
    yield "| setting | pooling | bags | seeds | accuracy | AUC | lowest | instance | top 1 | s |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for key, group in groups.items():
        mean = {
            n: np.mean([float(r[n]) for r in group if r[n]] or [np.nan])
            for n in (*METRICS, "processor_seconds")
        }
        low = min(float(r["auc"]) for r in group)
        yield (
            f"| {key[0]} | {key[1]} | {key[2]} | {len(group)} | {mean['accuracy']:.4f} | "
            f"{mean['auc']:.4f} | {low:.4f} | {mean['instance_auc']:.4f} | {mean['top1']:.3f} | "
            f"{mean['processor_seconds']:.0f} |"
        )


def main() -> None:
    """Make what is missing, and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("results/bags"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    progress.silence(True)
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / f"{asked.table}.csv"
    rows = list(csv.DictReader(path.open(newline=""))) if path.exists() else []
    done = {tuple(row[c] for c in COLUMNS[:4]) for row in rows}
    for cell in cells(asked.table, asked.data):
        if cell.key in done:
            continue
        rows.append({k: str(v) for k, v in run(cell, asked.out / f".work-{asked.table}").items()})
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        print(",".join(rows[-1].values()), flush=True)  # noqa: T201
    shutil.rmtree(asked.out / f".work-{asked.table}", ignore_errors=True)
    print("\n".join(summary(rows)))  # noqa: T201


if __name__ == "__main__":
    main()
