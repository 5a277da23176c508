"""``inklings crossval``: repeated stratified cross-validation by patient."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inklings.cli import choosing


def crossval(
    experiment: Annotated[
        str,
        typer.Argument(
            metavar="NAME-OR-FILE",
            help="A recipe (see 'inklings recipes'), or a file: with a suffix or a slash.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder; folds that are there are not done again.")],
    folds: Annotated[int, typer.Option(min=2, help="Of each repeat.")] = 10,
    repeats: Annotated[int, typer.Option(min=1, help="Shuffles.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the shuffles and the trainings.")] = 0,
    val: Annotated[
        float,
        typer.Option(min=0, max=0.5, help="Share held out to choose the threshold; 0 keeps 0.5."),
    ] = 0.0,
    members: Annotated[
        int, typer.Option(min=1, help="Bags with classes: trainings a fold, averaged.")
    ] = 1,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace one value: training.steps=100; may be repeated."),
    ] = None,
    workers: choosing.WORKERS = None,
    scheduler: choosing.SCHEDULER = None,
) -> None:
    """Train and test any task on every fold; patients stay together, classes in proportion."""
    from inklings.crossval.cross_validate import cross_validate, lines
    from inklings.crossval.joint import Plan
    from inklings.spec import Experiment

    spec = Experiment.load(experiment, changes or [])
    plan = Plan(folds, repeats, seed, val, members)
    for line in lines(cross_validate(spec, out, plan, workers or 1, scheduler)):
        typer.echo(line)
    typer.echo(f"{folds} folds, {repeats} times -> {out / 'scores.json'}")
