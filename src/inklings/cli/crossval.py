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
            help="A cohort, which is planned for once; an experiment file; or a recipe's name.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder; folds that are there are not done again.")],
    folds: Annotated[
        int | None, typer.Option(min=2, help="Of each repeat; 10 of bags, else 5.")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="Shuffles; 10 of bags, else 1.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the shuffles and the trainings.")] = 0,
    val: Annotated[
        float,
        typer.Option(min=0, max=0.5, help="Share held out to choose the threshold; 0 keeps 0.5."),
    ] = 0.0,
    members: Annotated[
        int, typer.Option(min=1, help="Bags with classes: trainings a fold, averaged.")
    ] = 1,
    minutes: Annotated[float | None, typer.Option(help="Of each training; 30 of a cohort.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Of a cohort: a recipe whose lines go before the plan's.")
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option(
            help="Another cross-validation of the same folds, as in two dimensions where this is "
            "in three: the best of both and their mean is chosen for 'inklings predict OUT'."
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace one value: training.steps=100; may be repeated."),
    ] = None,
    workers: choosing.WORKERS = None,
    scheduler: choosing.SCHEDULER = None,
) -> None:
    """Train and test any task on every fold; patients stay together, classes in proportion.

    Run again to go on: what is finished is kept. But for bags with classes every fold leaves
    cohort, run and predictions in OUT/folds; OUT/predictions holds those of all cases, each by the
    run that has not seen its patient ('inklings evaluate OUT/predictions --cohort COHORT'), and
    OUT/folds.csv who was learnt from, tested and scored.
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
