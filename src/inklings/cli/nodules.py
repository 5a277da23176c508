"""``inklings nodules``: lung nodules in chest CTs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from inklings.cli import choosing


def nodules(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="CT...", help="A CT (DICOM folder or zip, .mhd, NIfTI), or cohorts."
        ),
    ],
    run: Annotated[
        Path, typer.Option(help="Run of a detector or segmenter, or a folder of all stages.")
    ],
    out: Annotated[Path, typer.Option(help="Output folder; an interrupted search is resumed.")],
    validation: Annotated[
        bool,
        typer.Option("--validation", help="Error analysis: what each stage found and lost."),
    ] = False,
    tune_thresholds: Annotated[
        bool,
        typer.Option(
            "--tune-thresholds", help="Tune the thresholds on --split val; kept in the run."
        ),
    ] = False,
    split: Annotated[
        Literal["train", "val", "test"] | None, typer.Option(help="Only this part of a cohort.")
    ] = None,
    series: Annotated[
        str | None, typer.Option(help="Scans by id (A,B); of a DICOM folder: words, a UID.")
    ] = None,
    dicom: Annotated[
        bool,
        typer.Option("--dicom", help="Also a DICOM segmentation and a structured report."),
    ] = False,
    workers: choosing.WORKERS = None,
    scheduler: choosing.SCHEDULER = None,
) -> None:
    """Find lung nodules, with size and probability of malignancy; run again to resume.

    Writes findings/<case>.json, findings.csv (the columns of a LUNA16 submission first), a picture
    of each finding in crops/, and report.html with the counts of every stage. --validation adds
    the error analysis of each stage, FROC and CPM (error_analysis.json, froc.json).
    --tune-thresholds chooses the thresholds of the run on validation scans (cascade.json).
    """
    from inklings.applications.lung_nodules.search import Settings, find_nodules, require_unseen

    if tune_thresholds:
        from inklings.applications.lung_nodules.tuning import require_validation

        require_validation(inputs, split)
    if validation:
        require_unseen(run, inputs, split)
    summary = find_nodules(
        run,
        inputs,
        out,
        Settings(dicom=dicom, tuning=tune_thresholds),
        split=split,
        series=series,
        workers=workers,
        scheduler=scheduler,
        say=typer.echo,
    )
    for case, reason in summary.failed.items():
        typer.echo(f"failed: {case}: {reason}", err=True)
    typer.echo(summary.line("searched", out))
    if validation:
        from inklings.applications.lung_nodules.error_analysis import error_analysis

        for line in error_analysis(out, inputs, run, split):
            typer.echo(line)
    if tune_thresholds:
        from inklings.applications.lung_nodules.tuning import tune

        typer.echo(tune(out, inputs[0], run))
    if summary.code:
        raise typer.Exit(summary.code)
