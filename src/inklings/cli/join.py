"""``inklings join``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def join(
    cohorts: Annotated[
        list[Path],
        typer.Argument(metavar="COHORT...", help="Two folders or more made by 'inklings import'."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the cohort of all their cases.")],
) -> None:
    """Join cohorts into one, also if they annotate different organs.

    Classes of one name are one class. A class that a cohort did not annotate is unknown in its
    cases. Images stay in place. Run 'inklings split' next.
    """
    from inklings.cohorts.annotated import annotated_text
    from inklings.cohorts.cohort import Cohort
    from inklings.cohorts.joining import joined, joined_text
    from inklings.errors import DataError
    from inklings.evaluation.truth import is_weakened

    weak = [folder for folder in cohorts if is_weakened(folder)]
    if weak:
        raise DataError(
            f"{weak[0]}: expected cohorts as they were annotated, got one with simulated weak "
            "labels, whose "
            "reference would be lost; join the full cohorts and weaken the result"
        )
    if (out / "cohort.yaml").exists():
        raise DataError(f"--out {out}: expected a new folder, it holds a cohort; give another")
    made = joined([Cohort.read(folder) for folder in cohorts], out.resolve().name)
    made.write(out)
    for line in filter(None, [annotated_text(made)]):
        typer.echo(line)
    typer.echo(f"{len(made)} cases ({joined_text(made)}) -> {out}")
