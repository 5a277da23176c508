"""``inklings export``: predictions for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    predictions: Annotated[
        Path,
        typer.Argument(help="Folder written by `inklings predict`, or a cohort, for its labels."),
    ],
    to: Annotated[
        str,
        typer.Option(
            help="Volumes: dicom-seg, dicom-labelmap, rtstruct, nifti, nrrd, mha, npz. Pictures: "
            "png, masks (numbers of classes), heatmap, rle, kaggle (submission), npz, "
            "geojson. Both: montage. Programs of annotation (predictions, and labels of a cohort): "
            "asap, dicom-ann, dsa, geojson, imagej, nnunet (cohorts), coco, cvat, label-studio, "
            "labelme, voc, yolo. Findings: dicom-sr. Bags: csv, json, parquet; of tiles of "
            "slides also tile-maps and geojson."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; PREDICTIONS/exports/<format> if left out.")
    ] = None,
    cohort: Annotated[
        Path | None,
        typer.Option(help="Only its cases, with its images, and its truth in a montage."),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            help="masks: which class counts where several are called: probable, or all of them "
            "between commas, the first on top."
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="tile-maps, geojson of bags: from which a tile is called; 0.3."),
    ] = None,
    heatmap_spacing_um: Annotated[
        float | None,
        typer.Option(help="tile-maps: micrometres a map pixel; by default from tile to tile."),
    ] = None,
    heatmap_factor: Annotated[
        float | None, typer.Option(help="tile-maps: or pixels of level 0 a map pixel.")
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            help="geojson of slides: count from the bounds of what was scanned (as QuPath does, by "
            "default) or from the corner of the slide."
        ),
    ] = None,
    guaranteed: Annotated[
        bool,
        typer.Option(
            "--guaranteed",
            help="Masks of images that hold the promise of `inklings calibrate`, instead of the "
            "best ones.",
        ),
    ] = False,
) -> None:
    """Write predictions for viewers, archives of images and other programs."""
    from inklings.exports.export import export as written

    options = {
        "order": order,
        "origin": origin,
        "threshold": threshold,
        "heatmap_spacing_um": heatmap_spacing_um,
        "heatmap_factor": heatmap_factor,
    }
    done = written(predictions, to, out, cohort, options=options, guaranteed=guaranteed)
    typer.echo(f"{len(done.cases)} cases exported to {to} -> {done.path}")
