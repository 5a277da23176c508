"""``inklings import``: what lies on disk becomes a cohort."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inklings.cli import guarded

if TYPE_CHECKING:
    from inklings.datasets.importing import Dataset

app = typer.Typer(no_args_is_help=True, help="Make a cohort from a dataset or a folder on disk.")

_OUT = typer.Option("--out", "-o", help="New cohort folder; an interrupted import goes on there.")
_WORKERS = typer.Option("--workers", min=1, help="Processes; by default one a core.")
_IN_PLACE = typer.Option(
    "--in-place", help="Point at the images where they lie instead of copying them."
)


@app.command("dsb2018")
@guarded
def dsb2018(
    path: Annotated[Path, typer.Argument(help="The zip, the extracted folder, or all the zips.")],
    out: Annotated[Path, _OUT],
    labels: Annotated[
        Path | None, typer.Option(help="Run-length table (CSV) that does not lie within PATH.")
    ] = None,
    in_place: Annotated[bool, _IN_PLACE] = False,
    workers: Annotated[int | None, _WORKERS] = None,
) -> None:
    """Data Science Bowl 2018: nuclei, one mask each (stage1_train, stage1_test, stage2)."""
    from inklings.datasets.dsb2018 import Dsb2018

    _import(Dsb2018(path, labels, in_place), out, workers)


def _import(dataset: Dataset, out: Path, workers: int | None) -> None:
    """Run the import, say what came of it, and exit with 3 if cases were left out."""
    from inklings.datasets.importing import run
    from inklings.datasets.words import lines

    report = run(dataset, out, workers)
    for line in lines(report, out):
        typer.echo(line)
    if report.left_out:
        raise typer.Exit(3)
