"""``inklings embed``: tiles of slides into features, which are a cohort of bags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def embed(
    index: Annotated[Path, typer.Argument(help="Folder made by 'inklings tile'.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Cohort of bags; or go on with one.")],
    encoder: Annotated[
        str,
        typer.Option(
            help="Name in timm, or the folder of a run on bags of pictures; 'pixels' keeps small "
            "tiles as they are."
        ),
    ] = "resnet18",
    weights: Annotated[
        str, typer.Option(help="imagenet, a file of weights, or random (a baseline).")
    ] = "imagenet",
    label: Annotated[
        str | None,
        typer.Option(help="Fact of the cases that is their class, such as isup_grade."),
    ] = None,
    ordered: Annotated[
        bool, typer.Option("--ordered", help="The classes are grades, as their names tell.")
    ] = False,
    order: Annotated[
        str | None, typer.Option(help="Grades in this order, lowest first: low,medium,high.")
    ] = None,
    by_patient: Annotated[
        bool, typer.Option("--by-patient", help="All slides of a patient are one bag.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="Tiles that are encoded at once.")] = 64,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes on this machine; by default none but this.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, tcp://host:8786, instead.")
    ] = None,
) -> None:
    """Encode the tiles of every slide, half precision, one file a slide; run again to go on.

    Ends with exit code 3 if some slide could not be read; the others are done all the same.
    """
    from inklings.bags.answers import Ranks
    from inklings.bags.grades import lowest_first
    from inklings.cli.finish import finish
    from inklings.inference.embed import Labels
    from inklings.inference.embed import embed as encode
    from inklings.inference.tile_encoder import Encoder

    chosen = Encoder(encoder, None if weights == "random" else weights, batch)
    how = Labels(label, Ranks(ordered, lowest_first(order or "")), by_patient)
    finish(encode(index, out, chosen, how, workers, scheduler), "embedded", out)
