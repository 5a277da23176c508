"""``inklings import luna16`` and ``lidc``: chest CTs with nodules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from inklings.datasets.volume_cohort import VolumeReport

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

    _say(import_luna16(root, out, workers, patients), out)


def lidc(
    root: Annotated[
        Path, typer.Argument(help="Folder or zip with DICOM and the XML of the readers.")
    ],
    out: _Out,
    workers: _Workers = None,
) -> None:
    """LIDC-IDRI: chest CTs with the outlines and ratings of up to four readers, merged.

    A nodule is what three readers outlined; where fewer did, the mask says that it is not known.
    """
    from inklings.datasets.lidc import import_lidc

    _say(import_lidc(root, out, workers), out)


def _say(report: VolumeReport, out: Path) -> None:
    """Print what came of it, and exit with 3 if scans were left out."""
    from inklings.datasets.words import volume_lines

    for line in volume_lines(report, out, "nodules"):
        typer.echo(line)
    if report.left_out:
        raise typer.Exit(3)
