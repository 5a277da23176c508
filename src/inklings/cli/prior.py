"""``inklings prior``: what share of all samples is positive, labelled or not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def prior(
    cohort: Annotated[Path, typer.Argument(help="Cohort with incomplete labels.")],
    run: Annotated[
        Path | None,
        typer.Option(help="A trained run whose scores are used, on cases it was not trained on."),
    ] = None,
    class_: Annotated[
        str | None, typer.Option("--class", help="Class to estimate, if there are several.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of the images and pixels drawn.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """Estimate the class prior (mean positive share of an image) from incomplete labels."""
    import dataclasses
    import json as notation

    from inklings.weak.prior import cohort_prior

    found = cohort_prior(cohort, run, seed, class_)
    if json:
        typer.echo(notation.dumps(dataclasses.asdict(found), indent=2))
        return
    value = found.prior
    typer.echo(
        f"positive share {value.value:.4f} [{value.low:.4f}, {value.high:.4f}], of which "
        f"{value.labelled:.4f} is labelled ({found.cases} cases)"
    )
    for warning in found.warnings:
        typer.echo(f"warning: {warning}")
