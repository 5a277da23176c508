"""The whole pipeline on tissue that inklings draws itself: what weak labels cost, and win back.

Everything after the drawing of the tissue is a command that a user would type. What a command
has finished is not done again, so an interrupted demo goes on where it stopped.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inklings import __version__
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.evaluation.label_quality import label_quality
from inklings.evaluation.scores import Row, Scores, number
from inklings.evaluation.truth import truth
from inklings.files import read_yaml, write_text, write_yaml
from inklings.simulation.phantoms.cohort import tissue_cohort

Command = Callable[..., None]
"""Runs one ``inklings`` command, given its words."""

_NAIVE: dict[str, Any] = {
    "model": {"name": "unet", "width": 16, "depth": 3, "stride": 2},
    "loss": "bce",
    "sampling": {"size": 128, "augment": ["flips", "quarter_turns", "brightness_contrast"]},
    "training": {"steps": 200, "batch_size": 8, "learning_rate": 4e-3},
    "inference": {"threshold": 0.5},
}
EXPERIMENTS: Mapping[str, dict[str, Any]] = {
    "naive": _NAIVE,
    "corrected": {**_NAIVE, "correction": "auto", "inference": {"threshold": "prior"}},
}
"""Two ways to learn: trust the labels and cut at one half, or the recipe for weak labels."""

METRICS = ("dice", "dice_pooled", "iou", "precision", "recall", "hd95", "ece")


@dataclass(frozen=True)
class Weakness:
    """One way in which the annotators saved time."""

    folder: str
    title: str
    options: tuple[str, ...]


WEAKNESSES = (
    Weakness("marked", "half of the tumour marked", ("--kind", "drop", "--keep", "0.5")),
    Weakness("coarse", "outlines 8 px too wide", ("--kind", "dilate", "--pixels", "8")),
)


@dataclass(frozen=True)
class Plan:
    """How much tissue is drawn and how long it is learnt from.

    Attributes:
        patients: Each has a stain and a mixture of Gleason patterns of its own.
        images: Fields a patient.
        size: Side of a field in samples of 1 um.
        steps: Of each training; None for what the experiments say.
        seed: Of the tissue, the split, the weak labels and the training.
    """

    patients: int = 32
    images: int = 3
    size: int = 256
    steps: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Result:
    """One line of the final table: how a learner fared with one kind of labels."""

    name: str
    labels: str
    learner: str
    label_dice: float
    dice: Row
    pooled: Row


def demo(out: Path, plan: Plan, command: Command) -> list[Result]:
    """Draw tissue, weaken its labels, learn from them in several ways, compare with the truth.

    Args:
        out: Folder for everything; gone on with where it holds an unfinished demo of this plan.
        plan: How much.
        command: Runs ``inklings`` with the words it is given.

    Returns:
        Full masks first, then each weakness naive and corrected.

    Raises:
        DataError: If ``out`` holds a demo of another plan.
    """
    _claim(out, plan)
    full = out / "cohort"
    if not (full / "cohort.yaml").exists():
        tissue_cohort(full, plan.patients, plan.images, plan.size, seed=plan.seed)
    seed = ("--seed", str(plan.seed))
    if not Cohort.read(full).is_split:
        command("split", full, "--fractions", "0.6", "0.15", "0.25", *seed)
    for weakness in WEAKNESSES:
        command("weaken", full, *weakness.options, *seed, "--out", out / weakness.folder)
    for name, record in EXPERIMENTS.items():
        write_yaml(out / f"{name}.yaml", {"cohort": "cohort", **record})
    results = [_learn(out, plan, command, "cohort", "exact outlines", "naive")]
    for weakness in WEAKNESSES:
        for learner in EXPERIMENTS:
            results.append(_learn(out, plan, command, weakness.folder, weakness.title, learner))
    _write_study(out, results, plan.seed)
    command("report", out, "--out", out / "report.html")
    return results


def table(results: Sequence[Result]) -> Iterator[str]:
    """The results as lines of text."""
    yield f"{'labels':30}{'learner':12}{'Dice of labels':>15}   Dice on test (95 % interval)"
    for result in results:
        dice = (
            f"{number(result.dice.value)} ({number(result.dice.low)} to {number(result.dice.high)})"
        )
        yield f"{result.labels:30}{result.learner:12}{number(result.label_dice):>15}   {dice}"


def _claim(out: Path, plan: Plan) -> None:
    """Write down what is shown; refuse to mix it with another demo."""
    mine = {"version": __version__, **asdict(plan)}
    path = out / "demo.yaml"
    if path.exists() and read_yaml(path, "a demo") != mine:
        raise DataError(f"{out} holds another demo (see {path}); remove it, or give another --out")
    write_yaml(path, mine)


def _learn(
    out: Path, plan: Plan, command: Command, folder: str, labels: str, learner: str
) -> Result:
    """Train, predict the test part, score it against the truth, write the report."""
    name = learner if folder == "cohort" else f"{folder}-{learner}"
    cohort, run, predictions = out / folder, out / "runs" / name, out / "predictions" / name
    changes = [f"cohort={cohort}", f"training.seed={plan.seed}"]
    if plan.steps is not None:
        changes.append(f"training.steps={plan.steps}")
    settings = [word for change in changes for word in ("--set", change)]
    command("train", out / f"{learner}.yaml", *settings, "--out", run, "--resume")
    command("predict", run, cohort, "--split", "test", "--out", predictions)
    rival = out / "predictions" / f"{folder}-naive"
    metrics = [word for metric in METRICS for word in ("--metric", metric)]
    against = ("--compare", rival) if learner != "naive" else ()
    command("evaluate", predictions, "--cohort", cohort, *metrics, *against)
    command("report", run)
    scores = Scores.read(predictions)
    quality = label_quality(Cohort.read(cohort), truth(cohort)).summary()
    return Result(name, labels, learner, quality["dice"], scores["dice"], scores["dice_pooled"])


def _write_study(out: Path, results: Sequence[Result], seed: int) -> None:
    """``study.csv``, so that ``inklings report`` draws the label-quality curve."""
    columns = ("weakness", "learner", "seed", "budget", "dice_mean", "dice_pooled", "label_dice")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for result in results:
        learner = "oracle" if result.labels == "exact outlines" else result.learner
        scores = (result.dice.value, result.pooled.value, result.label_dice)
        writer.writerow([result.labels, learner, seed, 1, *(f"{v:.5f}" for v in scores)])
    write_text(out / "study.csv", text.getvalue())
