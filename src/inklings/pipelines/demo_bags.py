"""Bags of digits, offline and in under a minute: one label a bag, and the digit is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inklings import __version__
from inklings.errors import DataError
from inklings.evaluation.scores import Scores, number
from inklings.files import read_yaml, write_yaml
from inklings.reports.bag_pictures import bag_gallery

Command = Callable[..., None]
"""Runs one ``inklings`` command, given its words."""

EXPERIMENT: dict[str, Any] = {
    "task": "bags",
    "model": {"name": "bags", "encoder": "small_cnn", "pooling": "noisy_or"},
    "loss": "bag",
    "bags": {"augment": [{"name": "affine"}]},
    "training": {
        "steps": 500,
        "batch_size": 16,
        "learning_rate": 3e-3,
        "optimiser": {"name": "adamw", "weight_decay": 0.05},
    },
}
PICTURE = "bags.png"
_SHOWN = ("accuracy", "auc", "instance_auc", "top1")


@dataclass(frozen=True)
class Plan:
    """Which bags, and how long is learnt from them."""

    bags: tuple[int, int, int] = (200, 50, 150)
    target: int = 1
    steps: int = 500
    seed: int = 0


def demo_bags(out: Path, plan: Plan, command: Command) -> Scores:
    """Import, train, predict, evaluate, report; ends in a picture of bags.

    Raises:
        DataError: If ``out`` holds a demo of another plan.
    """
    mine = {"version": __version__, "kind": "bags", **asdict(plan), "bags": list(plan.bags)}
    path = out / "demo.yaml"
    if path.exists() and read_yaml(path, "a demo") != mine:
        raise DataError(f"{out} holds another demo (see {path}); remove it, or give another --out")
    write_yaml(path, mine)
    cohort, run, predictions = out / "cohort", out / "run", out / "predictions"
    if not (cohort / "cohort.yaml").exists():
        bags = ("--bags", *map(str, plan.bags), "--draw", "again", "--target", str(plan.target))
        command("import", "mnist-bags", "digits", "--out", cohort, *bags, "--seed", str(plan.seed))
    write_yaml(out / "bags.yaml", {"cohort": "cohort", **EXPERIMENT})
    changes = (f"cohort={cohort}", f"training.steps={plan.steps}", f"training.seed={plan.seed}")
    settings = [word for change in changes for word in ("--set", change)]
    command("train", out / "bags.yaml", *settings, "--out", run, "--resume")
    command("predict", run, cohort, "--split", "test", "--out", predictions)
    command("evaluate", predictions, "--cohort", cohort)
    command("report", run)
    bag_gallery(predictions, cohort, out / PICTURE)
    return Scores.read(predictions)


def summary(table: Scores) -> Iterator[str]:
    """What came of it, in a few lines."""
    for name in _SHOWN:
        if name in table:
            row = table[name]
            yield f"{row.title:30} {number(row.value)}  ({number(row.low)} to {number(row.high)})"
