"""``inklings import corrections``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def corrections(
    path: Annotated[Path, typer.Argument(help="Folder of corrections made by 'inklings view'.")],
    cohort: Annotated[Path, typer.Option(help="The cohort that was corrected; it stays as it is.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New cohort folder.")],
) -> None:
    """Labels corrected in the viewer, as partial labels of a new cohort to train on."""
    from inklings.viewer.amended import amend

    done = amend(path, cohort, out)
    what = ", ".join(
        f"{count} x {name.replace('_', ' ')}" for name, count in sorted(done.actions.items())
    )
    for case in done.unknown:
        typer.echo(f"{case}: corrected, but not in {cohort}; left out", err=True)
    if done.balls:
        typer.echo(
            f"{done.balls} judged findings are known as a place and a size only: the inner half of "
            "each ball was taken over, other labels hold around it",
            err=True,
        )
    typer.echo(f"{done.cases} cases corrected ({what}) -> {out}")
