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
            metavar="COHORT-OR-FILE",
            help="A cohort (planned once), an experiment file, or the name of a recipe.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Output folder; finished folds are not repeated.")],
    folds: Annotated[
        int | None, typer.Option(min=2, help="Folds in each repeat; default: 10 for bags, else 5.")
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(min=1, help="Repeats, each with new folds; default: 10 for bags, else 1."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of folds and trainings.")] = 0,
    val: Annotated[
        float,
        typer.Option(
            min=0,
            max=0.5,
            help="Share of the training cases held out to choose the threshold; 0 keeps 0.5.",
        ),
    ] = 0.0,
    members: Annotated[
        int, typer.Option(min=1, help="Bags with classes: trainings per fold, averaged.")
    ] = 1,
    minutes: Annotated[
        float | None,
        typer.Option(help="Minutes per training; default: 30, when a cohort is given."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="When a cohort is given: a recipe that overrides the plan.")
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option(
            help="Another cross-validation of the same folds (2-D beside 3-D, say): the better one"
            " or their mean is chosen for 'inklings predict OUT'."
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace one value: training.steps=100; may be repeated."),
    ] = None,
    workers: choosing.WORKERS = None,
    scheduler: choosing.SCHEDULER = None,
) -> None:
    """Train and test on every fold; patients stay together, folds are stratified by class.

    Run again to resume. OUT/predictions holds out-of-fold predictions of all cases ('inklings
    evaluate OUT/predictions --cohort COHORT'), OUT/folds.csv the number of training, test and
    scored cases. Every fold keeps its cohort, run and predictions in OUT/folds, except for bags
    with classes.
    """
    from inklings.cli.train import planned
    from inklings.crossval.cross_validate import cross_validate, lines
    from inklings.crossval.folds import fold_lines
    from inklings.crossval.joint import Plan
    from inklings.runs.members import RUNS, Chosen
    from inklings.spec import BagExperiment, Experiment

    settings = list(changes or [])
    spec = Experiment.load(planned(experiment, out, minutes, recipe, settings), settings)
    usual = (10, 10) if isinstance(spec, BagExperiment) else (5, 1)
    plan = Plan(folds or usual[0], repeats or usual[1], seed, val, members)
    scores = cross_validate(spec, out, plan, workers or 1, scheduler, beside)
    for line in (*lines(scores), *fold_lines(out)):
        typer.echo(line)
    if (chosen := Chosen.of(out)) and RUNS in chosen.reasons:
        typer.echo(f"chosen: {chosen.reasons[RUNS]}")
    typer.echo(f"{plan.folds} folds, {plan.repeats} times -> {out / 'scores.json'}")
