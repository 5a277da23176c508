"""``inklings select``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def select(
    cohort: Annotated[Path, typer.Argument(help="Folder made by 'inklings import'.")],
    where: Annotated[
        list[str],
        typer.Option(help="Fact and value, modality=stained; several must all hold."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the smaller cohort.")],
) -> None:
    """Make a cohort of the cases with certain facts; pictures stay where they are, splits too."""
    from inklings.cohorts.cohort import Cohort
    from inklings.cohorts.selection import select_cases

    chosen = select_cases(Cohort.read(cohort), where)
    chosen.write(out)
    typer.echo(f"{len(chosen)} cases -> {out}")
