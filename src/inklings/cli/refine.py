"""``inklings refine``: masks and predictions along the edges of their images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inklings.cli import choosing


def refine(
    masks: Annotated[
        Path,
        typer.Argument(help="Folder of masks or probability maps (PNG, TIFF), or of predictions."),
    ],
    out: Annotated[Path, typer.Option(help="New folder; run again to resume.")],
    images: Annotated[
        str | None,
        typer.Option(help="Folder or pattern of the images, named like the masks."),
    ] = None,
    certainty: Annotated[
        float, typer.Option(help="Probability that a mask is right, between chance and 1.")
    ] = 0.8,
    probabilities: Annotated[
        bool,
        typer.Option("--probabilities", help="Integers are probabilities: 255 is 1."),
    ] = False,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="NAME=VALUE; defaults: smooth_sigma=3, smooth_weight=3, position_sigma=80, "
            "colour_sigma=13, appearance_weight=10, iterations=5 (those of the reference).",
        ),
    ] = None,
    workers: choosing.WORKERS = None,
    scheduler: choosing.SCHEDULER = None,
) -> None:
    """Refine masks of pictures by a dense CRF: outlines move to the edges of the image.

    Exit code 3 if some case could not be refined; the others are done.
    """
    from inklings.changes import change
    from inklings.cli.finish import finish
    from inklings.inference.refine import refine as refined

    options: dict[str, float] = {}
    for one in sets or []:
        change(options, one)
    summary = refined(
        masks,
        out,
        images,
        certainty=certainty,
        probabilities=probabilities,
        options=options,
        workers=workers,
        scheduler=scheduler,
    )
    finish(summary, "refined", out)
