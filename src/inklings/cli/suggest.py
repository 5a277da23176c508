"""``inklings suggest``: which cases to correct next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def suggest(
    predictions: Annotated[Path, typer.Argument(help="Folder written by 'inklings predict'.")],
    count: Annotated[int, typer.Option(min=1, help="How many to print.")] = 10,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="uncertainty, disagreement (of several runs) or distance (from the training "
            "images); may be repeated. The mean rank over all that are known, if left out."
        ),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option(help="Folder of corrections; PREDICTIONS/corrections if left out."),
    ] = None,
) -> None:
    """List the cases to correct next, the least certain first."""
    from inklings.predictions.suggestions import MEASURES, write_suggestions
    from inklings.predictions.suggestions import suggest as suggested

    found = suggested(predictions, corrections, by or MEASURES)
    path = write_suggestions(predictions, found)
    for place, one in enumerate(found[:count], 1):
        typer.echo(f"{place:>3}  {one.case}  ({one.reason})")
    typer.echo(f"{len(found)} cases in this order -> {path}")
