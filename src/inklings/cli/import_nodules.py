"""``inklings import luna16`` and ``lidc``: chest CTs with nodules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_Out = Annotated[Path, typer.Option("--out", "-o", help="Cohort folder.")]
_Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; by default one a core.")
]


def luna16(
    root: Annotated[
        Path, typer.Argument(help="Folder with subset0, subset1, ... and annotations.csv.")
    ],
    out: _Out,
    patients: Annotated[
        Path | None,
        typer.Option(help="Table seriesuid,patient; without it each scan is a patient."),
    ] = None,
    workers: _Workers = None,
) -> None:
    """LUNA16: chest CTs with nodules, candidates and malignancy, left where they lie.

    Subsets that were not downloaded, and scans that were cut off, are counted and left out.
    Annotated places and malignancy are joined by position.
    """
    from inklings.datasets.luna16 import import_luna16
    from inklings.datasets.words import volume_lines

    report = import_luna16(root, out, workers, patients)
    for line in volume_lines(report, out, "nodules"):
        typer.echo(line)
    if report.left_out:
        raise typer.Exit(3)
