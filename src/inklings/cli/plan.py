"""``inklings plan``: an experiment for a cohort and this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plan(
    cohort: Annotated[Path, typer.Argument(help="Folder made by 'inklings import'.")],
    out: Annotated[Path, typer.Option(help="Experiment file to write.")],
    minutes: Annotated[float | None, typer.Option(help="Minutes of training; default: 30.")] = None,
    memory: Annotated[
        str | None,
        typer.Option(help="Memory to use at most, such as 8GB; default: half of what is free."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu or gpu; default: what this machine has.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="A recipe that overrides the plan.")] = None,
    races: Annotated[
        bool,
        typer.Option(
            "--try",
            help="Compare options where the rules are unsure: short trainings, scored on "
            "validation patients, in a quarter of the minutes.",
        ),
    ] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Set one value: training.seed=1; may be repeated."),
    ] = None,
) -> None:
    """Write an experiment for a cohort and this machine, with the reason for every line."""
    from inklings.errors import SpecError
    from inklings.library.planning import plan as planned
    from inklings.planning.races import races_of

    if out.exists():
        raise SpecError(f"{out} is there, perhaps with lines of yours; give another, or delete it")
    how = planned(
        cohort,
        minutes=minutes,
        memory=memory,
        device=device,
        recipe=recipe,
        changes=changes or (),
        races=races_of(out) if races else None,
    )
    how.write(out)
    for line in how.head[:-1]:
        typer.echo(line)
    typer.echo(f"{len(how.choices)} lines, each with its reason -> {out}")
