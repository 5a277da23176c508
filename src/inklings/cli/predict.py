"""``inklings predict``: a trained model on new images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

_FAILED = 3


def predict(
    run: Annotated[Path, typer.Argument(help="Folder made by `inklings train`.")],
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT...", help="A cohort, a folder of pictures, or files."),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write; go on with one already begun.")],
    split: Annotated[
        Literal["train", "val", "test"] | None, typer.Option(help="Only this part of a cohort.")
    ] = None,
    flips: Annotated[
        bool | None, typer.Option(help="Average over mirror images; four times the work.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Instead of the one chosen in training, in (0, 1).")
    ] = None,
    instances: Annotated[
        str | None, typer.Option(help="How objects are separated: watershed or components.")
    ] = None,
) -> None:
    """Predict images; run again to go on, finished cases are skipped.

    Ends with exit code 3 if some image could not be read; the others are predicted all the same.
    """
    from inklings.inference.predict import predict as predict_images

    summary = predict_images(
        run, inputs, out, split=split, flips=flips, threshold=threshold, instances=instances
    )
    for case, reason in summary.failed.items():
        typer.echo(f"failed: {case}: {reason}", err=True)
    before = f", {summary.skipped} were done before" if summary.skipped else ""
    failed = f", {len(summary.failed)} failed (failed.json)" if summary.failed else ""
    typer.echo(f"{summary.predicted} predicted in {summary.seconds:.1f} s{before}{failed} -> {out}")
    if summary.failed:
        raise typer.Exit(_FAILED)
