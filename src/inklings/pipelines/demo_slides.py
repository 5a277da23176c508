"""The whole way of slides on biopsies that inklings draws itself: coarse outlines to heat maps.

Two annotators look at the same slides: one outlines every tumour gland, the other draws around
groups of glands in a hurry. The same network learns from each; what a command has finished is
not done again, so an interrupted demo goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inklings import __version__
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.evaluation.scores import Row, Scores, number
from inklings.files import read_yaml, write_yaml
from inklings.pipelines.demo import Command
from inklings.simulation.phantoms.biopsy import Plan as SlidePlan
from inklings.simulation.phantoms.slides import ANNOTATORS, write_panda

_COMMON: dict[str, Any] = {
    "intensity": "half",
    "model": {"name": "transunet_small", "depth": 2, "decoder": [64, 32, 16, 8], "prior": 0.1},
    "loss": "bce",
    "supervision": "full",
    "sampling": {
        "size": 128,
        "by_class": True,
        "augment": ["flips", "quarter_turns", "brightness_contrast"],
    },
    "training": {"steps": 300, "batch_size": 8, "learning_rate": 1e-3},
    "inference": {"threshold": "auto"},
}
LEARNERS: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "strong": ("exact", "every gland outlined", {"mode": "strong"}),
    "naive": ("coarse", "hurried outlines, trusted", {"mode": "strong"}),
    "weak": ("coarse", "hurried outlines, thinned", {"mode": "weak"}),
}
"""Cohort, labels in words, and what the experiment says besides the rest."""

METRICS = ("dice_pooled", "dice", "iou", "precision", "recall")


@dataclass(frozen=True)
class Plan:
    """How much is drawn and learnt.

    Attributes:
        slides: Of which a quarter is tested.
        size: Pixels of a slide, at most, of 1 um each.
        steps: Of each training; None for what the experiments say.
        seed: Of the slides, the annotators, the split and the training.
    """

    slides: int = 20
    size: tuple[int, int] = (3000, 2000)
    steps: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Result:
    """One line of the final table."""

    learner: str
    labels: str
    dice: Row


def demo_slides(out: Path, plan: Plan, command: Command) -> list[Result]:
    """Draw slides, import and tile them, learn in three ways, map the tested ones, compare.

    Args:
        out: Folder for everything; gone on with where it holds an unfinished demo of this plan.
        plan: How much.
        command: Runs ``inklings`` with the words it is given.

    Raises:
        DataError: If ``out`` holds a demo of another plan.
    """
    _claim(out, plan)
    for name in ANNOTATORS:
        _cohort(out, plan, command, name)
    for name, (_, _, more) in LEARNERS.items():
        write_yaml(out / f"{name}.yaml", {"cohort": "cohort", **_COMMON, **more})
    return [_learn(out, plan, command, name) for name in LEARNERS]


def table(results: Sequence[Result]) -> Iterator[str]:
    """The results as lines of text."""
    yield f"{'labels':30}{'learner':12}   Dice on held-out slides (95 % interval)"
    for result in results:
        row = result.dice
        interval = f"({number(row.low)} to {number(row.high)})"
        yield f"{result.labels:30}{result.learner:12}   {number(row.value)} {interval}"
    yield "These are phantoms: drawn tissue, whose outlines are known."


def _claim(out: Path, plan: Plan) -> None:
    """Write down what is shown; refuse to mix it with another demo."""
    mine = {"version": __version__, "kind": "slides", **asdict(plan), "size": list(plan.size)}
    path = out / "demo.yaml"
    if path.exists() and read_yaml(path, "a demo") != mine:
        raise DataError(f"{out} holds another demo (see {path}); remove it, or give another --out")
    write_yaml(path, mine)


def _cohort(out: Path, plan: Plan, command: Command, name: str) -> None:
    """The slides with the labels of one annotator: drawn, imported, split and tiled."""
    root, cohort, tiles = out / "panda", out / name, out / f"tiles-{name}"
    if not (root / "train.csv").exists():
        drawn = SlidePlan(size=plan.size, um=1.0, tissue=0.35)
        kinds: dict[str, Any] = {"marks": "fine", "coarse_too": True, "sheets": None}
        write_panda(root, plan.slides, drawn, seed=plan.seed, **kinds)
    masks, provider = ANNOTATORS[name]
    kind = ("--masks", masks, "--mask-provider", provider)
    command("import", "panda", root, "--out", cohort, "--spacing-um", "1", *kind)
    if not Cohort.read(cohort).is_split:
        parts = ("--fractions", "0.6", "0.15", "0.25", "--stratify", "isup")
        command("split", cohort, *parts, "--seed", str(plan.seed))
    rule = ("--spacing-um", "2", "--size", "256", "--min-tissue", "0.1", "--method", "stained")
    command("tile", cohort, *rule, "--out", tiles)


def _learn(out: Path, plan: Plan, command: Command, name: str) -> Result:
    """Train, map the held-out slides, score them against the exact outlines."""
    cohort, labels, _ = LEARNERS[name]
    run, predictions = out / "runs" / name, out / "predictions" / name
    changes = [f"cohort={out / cohort}", f"tiles={out / f'tiles-{cohort}'}"]
    changes.append(f"training.seed={plan.seed}")
    if plan.steps is not None:
        changes.append(f"training.steps={plan.steps}")
    settings = [word for change in changes for word in ("--set", change)]
    command("train", out / f"{name}.yaml", *settings, "--out", run, "--resume")
    command("predict", run, out / cohort, "--split", "test", "--out", predictions)
    metrics = [word for metric in METRICS for word in ("--metric", metric)]
    command("evaluate", predictions, "--cohort", out / "exact", *metrics)
    command("report", run)
    return Result(name, labels, Scores.read(predictions)["dice_pooled"])
