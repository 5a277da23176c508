"""``inklings report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or of a study.")],
    predictions: Annotated[
        Path | None, typer.Option(help="Which predictions to show; by default the run's latest.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="By default report.html in the run folder.")
    ] = None,
) -> None:
    """Write a self-contained report page: scores, images, labels, curves and data."""
    from inklings.reports.run import run_report
    from inklings.reports.study import STUDY, study_report

    if (run / STUDY).is_file():
        typer.echo(f"report of the study -> {study_report(run, out)}")
    else:
        typer.echo(f"report -> {run_report(run, predictions, out)}")
