"""``inklings export``: predictions for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    predictions: Annotated[
        Path, typer.Argument(help="Folder written by `inklings predict` or `inklings nodules`.")
    ],
    to: Annotated[
        str,
        typer.Option(
            help="Volumes: dicom-seg, rtstruct, nifti, nrrd, mha, npz. Pictures: png, rle, kaggle "
            "(submission), npz (probabilities), geojson. Both: montage. Nodules: dicom-sr. "
            "Bags: csv, json, parquet."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; PREDICTIONS/exports/<format> if left out.")
    ] = None,
    cohort: Annotated[
        Path | None,
        typer.Option(help="Only its cases, with its images, and its truth in a montage."),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            help="geojson of slides: count from the bounds of what was scanned (as QuPath does, by "
            "default) or from the corner of the slide."
        ),
    ] = None,
) -> None:
    """Write predictions for viewers, archives of images and other programs."""
    if to == "dicom-sr":
        from inklings.applications.lung_nodules.finding_objects import export_findings

        path = out or predictions / "exports" / to
        count = export_findings(predictions, path, cohort)
        typer.echo(f"findings of {count} scans exported to {to} -> {path}")
        return
    from inklings.errors import SpecError
    from inklings.exports import EXPORTS
    from inklings.exports.source import ExportSource, require_fits

    if origin is not None and to != "geojson":
        raise SpecError(f"--origin {origin}: expected --to geojson, got {to}; leave it out")
    exporter = EXPORTS.build(to, {} if origin is None else {"origin": origin})
    source = ExportSource.open(predictions, cohort)
    require_fits(to, exporter, source)
    path = exporter(source, out or predictions / "exports" / to)
    typer.echo(f"{len(source.cases)} cases exported to {to} -> {path}")
