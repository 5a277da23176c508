"""``inklings import predictions``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_LEFT_OUT = 3


def predictions(
    masks: Annotated[
        Path, typer.Argument(help="Folder of masks: a file or a folder of slices for each case.")
    ],
    cohort: Annotated[Path, typer.Option(help="The cohort whose images were segmented.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder of predictions.")],
    values: Annotated[
        str | None,
        typer.Option(
            help="Meaning of the mask values: '0=background,63=liver'; not needed for the numbers "
            "of the cohort's classes, DICOM SEG and .seg.nrrd."
        ),
    ] = None,
    instances: Annotated[
        bool, typer.Option("--instances", help="Mask values number the objects of the first class.")
    ] = False,
) -> None:
    """Masks of another program as predictions: score, view and export them like one's own.

    A mask belongs to the case whose id its file or one of its folders bears (1 is 01). Volumes
    take NIfTI, NRRD, MetaImage, DICOM (SEG, or a series of mask slices) and PNG slices, which are
    put in the order in which the slices of the DICOM series were taken. Nobody knows what the other
    program was trained on, which the scores say. Ends with exit code 3 if some mask was left out.
    """
    from inklings.datasets import values as meanings
    from inklings.datasets.foreign_masks import take

    done = take(masks, cohort, out, meanings.parse(values) if values else None, instances)
    for line in done.lines():
        typer.echo(line, err=True)
    typer.echo(f"{done.taken} cases, classes {', '.join(done.classes)} -> {out}")
    if done.failed or done.strays:
        raise typer.Exit(_LEFT_OUT)
