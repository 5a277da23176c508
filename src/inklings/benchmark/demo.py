"""Demos: a whole pipeline on data that inklings draws itself, by the commands a user would type.

Each is one entry of `inklings.benchmark.demos`: how data come to be, what learns from which labels,
and what is shown of it. What a command has finished is not done again, so an interrupted demo goes
on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inklings import __version__
from inklings.benchmark.engine import claim
from inklings.evaluation.scores import Scores
from inklings.files import write_yaml

Command = Callable[..., None]
"""Runs one ``inklings`` command, given its words."""


@dataclass(frozen=True)
class Arm:
    """One line of the comparison: a learner and the labels it is given.

    Attributes:
        name: Folder in ``runs`` and in ``predictions``.
        experiment: Which of the demo's experiments.
        cohort: Folder whose labels it is given.
        labels: These labels in words.
        scored: Folder of the cohort that scores it; the same by default.
        against: Arm that it is compared with, a paired test.
        tiles: Folder of the tiles of the cohort, where the experiment needs them.
    """

    name: str
    experiment: str
    cohort: str
    labels: str = ""
    scored: str = ""
    against: str = ""
    tiles: str = ""


@dataclass(frozen=True)
class Demo:
    """One demo.

    Attributes:
        facts: What makes it another demo than one with other facts, its kind and sizes.
        draw: Makes the cohorts in a folder.
        experiments: Files that are written, by name.
        arms: What learns.
        finish: Commands that follow, and lines of text: the scores, and where to look.
        seed: Of the training.
        steps: Of each training; None for what the experiments say.
        metrics: That are measured; none for all.
    """

    facts: Mapping[str, Any]
    draw: Callable[[Path, Command], None]
    experiments: Mapping[str, Mapping[str, Any]]
    arms: tuple[Arm, ...]
    finish: Callable[[Path, Mapping[str, Scores], Command], Iterator[str]]
    seed: int = 0
    steps: int | None = None
    metrics: tuple[str, ...] = ()


def run_demo(demo: Demo, out: Path, command: Command) -> Iterator[str]:
    """Draw, learn, predict, score; goes on where ``out`` holds an unfinished demo of this kind.

    Args:
        demo: Which.
        out: Folder for everything.
        command: Runs ``inklings`` with the words it is given.

    Returns:
        Lines of text: the scores, and where to look.

    Raises:
        DataError: If ``out`` holds another demo.
    """
    claim(out / "demo.yaml", {"version": __version__, **demo.facts}, "demo")
    demo.draw(out, command)
    for name, record in demo.experiments.items():
        write_yaml(out / f"{name}.yaml", {"cohort": "cohort", **record})
    tables = {arm.name: _learnt(demo, arm, out, command) for arm in demo.arms}
    return demo.finish(out, tables, command)


def _learnt(demo: Demo, arm: Arm, out: Path, command: Command) -> Scores:
    """Train, predict the held-out part, score it, write the report."""
    run, predictions = out / "runs" / arm.name, out / "predictions" / arm.name
    cohort = out / arm.cohort
    changes: dict[str, object] = {"cohort": cohort}
    if arm.tiles:
        changes["tiles"] = out / arm.tiles
    changes["training.seed"] = demo.seed
    if demo.steps is not None:
        changes["training.steps"] = demo.steps
    settings = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    command("train", out / f"{arm.experiment}.yaml", *settings, "--out", run, "--resume")
    command("predict", run, cohort, "--split", "test", "--out", predictions)
    metrics = [word for metric in demo.metrics for word in ("--metric", metric)]
    against = ("--compare", out / "predictions" / arm.against) if arm.against else ()
    scored = out / (arm.scored or arm.cohort)
    command("evaluate", predictions, "--cohort", scored, *metrics, *against)
    command("report", run)
    return Scores.read(predictions)
