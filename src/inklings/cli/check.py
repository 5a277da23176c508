"""``inklings check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    cohort: Annotated[Path, typer.Argument(help="Folder made by 'inklings import'.")],
    json: Annotated[
        bool, typer.Option("--json", help="Findings, groups and counts as JSON.")
    ] = False,
) -> None:
    """Look for what would spoil a training: damaged files, mismatches, duplicates, leaks.

    Exit code 1 if something would, 0 otherwise; duplicates and sister crops that a split keeps
    together are only noted.
    """
    from json import dumps

    from inklings.cohorts.check_text import text
    from inklings.cohorts.checks import examine
    from inklings.cohorts.cohort import Cohort
    from inklings.progress import note

    subject = Cohort.read(cohort)
    examination = examine(subject, cohort)
    path = examination.write(cohort)
    typer.echo(
        dumps(examination.to_json(), indent=2) if json else text(examination, subject, cohort)
    )
    note(f"wrote {path}")
    if examination.spoils:
        raise typer.Exit(1)
