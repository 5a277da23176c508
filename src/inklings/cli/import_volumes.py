"""``inklings import dicom``: series, left where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from inklings.datasets.volume_cohort import VolumeReport

_Out = Annotated[
    Path, typer.Option("--out", "-o", help="Cohort folder; archives are unpacked in it.")
]
_Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; by default one a core.")
]


def dicom(
    root: Annotated[Path, typer.Argument(help="Folder or zip with DICOM series, in any order.")],
    out: _Out,
    series: Annotated[
        str | None,
        typer.Option(help="Only series of this description, folder, 'echo 4.6' or UID."),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Labels of segments to keep, in this order: 'liver,spleen'.")
    ] = None,
    workers: _Workers = None,
) -> None:
    """Any DICOM series; DICOM Segmentations among them are the masks of the series they name.

    A case is a series, and a patient a hash of the patient's id: no name leaves the files.
    """
    from inklings.datasets.dicom_studies import import_dicom

    names = [name.strip() for name in (classes or "").split(",") if name.strip()]
    _say(import_dicom(root, out, series, names, workers), out)


def _say(report: VolumeReport, out: Path) -> None:
    """Print what came of it, and exit with 3 if volumes were left out."""
    from inklings.datasets.words import volume_lines

    for line in volume_lines(report, out):
        typer.echo(line)
    if report.left_out:
        raise typer.Exit(3)
