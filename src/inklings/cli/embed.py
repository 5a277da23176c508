"""``inklings embed``: tiles of slides into features, which are a cohort of bags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inklings.cli import choosing


def embed(
    index: Annotated[Path, typer.Argument(help="Folder made by 'inklings tile'.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="New cohort of bags; an interrupted one is resumed.")
    ],
    encoder: Annotated[
        str,
        typer.Option(
            help="Name in timm, one of pathology (uni, virchow2, ...), hf-hub:OWNER/NAME, "
            "local-dir:FOLDER, or the folder of a run on bags of pictures; 'pixels' keeps small "
            "tiles as they are."
        ),
    ] = "resnet18",
    weights: Annotated[
        str,
        typer.Option(help="imagenet (as published), a file of weights, or random (a baseline)."),
    ] = "imagenet",
    model_args: Annotated[
        str | None,
        typer.Option(help="Arguments of the model in timm: 'init_values=1e-5,img_size=224'."),
    ] = None,
    input_size: Annotated[
        int | None,
        typer.Option(min=1, help="Side of the encoder's input, in pixels; tiles are resized."),
    ] = None,
    mean: Annotated[
        str | None, typer.Option(help="Mean of the pixels (0 to 1) instead of the published one.")
    ] = None,
    std: Annotated[
        str | None, typer.Option(help="Their standard deviation: '0.229,0.224,0.225'.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Metadata column of the label, such as isup."),
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
    batch: Annotated[int, typer.Option(min=1, help="Tiles per batch.")] = 64,
    workers: choosing.WORKERS = None,
    scheduler: choosing.SCHEDULER = None,
) -> None:
    """Encode the tiles of every slide, in half precision, one file a slide; run again to resume.

    Exit code 3 if some slide could not be read; the others are done.
    """
    from inklings.bags.answers import Ranks
    from inklings.bags.grades import lowest_first
    from inklings.cli.finish import finish
    from inklings.inference.embed import Labels
    from inklings.inference.embed import embed as encode
    from inklings.inference.tile_encoder import Encoder, arguments, numbers

    chosen = Encoder(
        encoder,
        None if weights == "random" else weights,
        batch,
        arguments(model_args),
        input_size,
        numbers("--mean", mean),
        numbers("--std", std),
    )
    how = Labels(label, Ranks(ordered, lowest_first(order or "")), by_patient)
    finish(encode(index, out, chosen, how, workers, scheduler), "embedded", out)
