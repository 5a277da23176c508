"""``inklings select``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def select(
    cohort: Annotated[Path, typer.Argument(help="Folder made by 'inklings import'.")],
    where: Annotated[
        list[str],
        typer.Option(help="Metadata and value: modality=stained; may be repeated, all must hold."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the smaller cohort.")],
) -> None:
    """Make a cohort of the cases with certain metadata; images stay in place, splits are kept."""
    from inklings.cohorts.cohort import Cohort
    from inklings.cohorts.selection import select_cases

    chosen = select_cases(Cohort.read(cohort), where)
    chosen.write(out)
    typer.echo(f"{len(chosen)} cases -> {out}")
