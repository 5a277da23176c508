"""``inklings export``: predictions for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    predictions: Annotated[Path, typer.Argument(help="Folder written by `inklings predict`.")],
    to: Annotated[
        str, typer.Option(help="png, rle, kaggle (submission), npz (probabilities) or geojson.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; PREDICTIONS/exports/<format> if left out.")
    ] = None,
    cohort: Annotated[
        Path | None, typer.Option(help="Only its cases, with its images under the overlays.")
    ] = None,
) -> None:
    """Write predictions as pictures, run lengths, a submission, arrays or polygons."""
    from inklings.exports import EXPORTS
    from inklings.exports.source import Source

    exporter = EXPORTS.build(to, {})
    source = Source.open(predictions, cohort)
    path = exporter(source, out or predictions / "exports" / to)
    typer.echo(f"{len(source.cases)} cases exported to {to} -> {path}")
