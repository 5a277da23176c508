"""``inklings export``: predictions for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inklings.errors import SpecError


def export(
    predictions: Annotated[
        Path,
        typer.Argument(
            help="Folder written by `inklings predict`, or a cohort, for its labels; for onnx a "
            "run."
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            help="Volumes: dicom-seg, dicom-labelmap, rtstruct, nifti, nrrd, mha, npz. Pictures: "
            "png, masks (numbers of classes), heatmap, rle, kaggle (submission), npz, "
            "geojson. Both: montage, ome-zarr. Programs of annotation (predictions, and labels of "
            "a cohort): asap, dicom-ann, dsa, geojson, imagej, nnunet (cohorts), coco, cvat, "
            "label-studio, labelme, voc, yolo. Findings: dicom-sr. Bags: csv, json, parquet; of "
            "tiles of slides also tile-maps and geojson. Networks of runs: onnx. Slides of DICOM: "
            "also dicom-seg."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Output folder; default: PREDICTIONS/exports/<format>.")
    ] = None,
    cohort: Annotated[
        Path | None,
        typer.Option(help="Export only its cases, with its images; montages show its reference."),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            help="masks: the class of pixels with several: probable, or all classes between "
            "commas, the first on top."
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="tile-maps, geojson of bags: threshold of a tile; default: 0.3."),
    ] = None,
    heatmap_spacing_um: Annotated[
        float | None,
        typer.Option(help="tile-maps: µm per map pixel; default: distance between tiles."),
    ] = None,
    heatmap_factor: Annotated[
        float | None, typer.Option(help="tile-maps: or pixels of level 0 per map pixel.")
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            help="geojson of slides: origin at the scanned area (as QuPath; the default) or at the"
            " corner of the slide."
        ),
    ] = None,
    guaranteed: Annotated[
        bool,
        typer.Option(
            "--guaranteed",
            help="Write the masks that keep the guarantee of `inklings calibrate`, not the best "
            "ones.",
        ),
    ] = False,
) -> None:
    """Write predictions for viewers, archives of images and other programs, or a network."""
    from inklings.exports.export import export as written
    from inklings.inference.onnx import export as network

    options = {
        "order": order,
        "origin": origin,
        "threshold": threshold,
        "heatmap_spacing_um": heatmap_spacing_um,
        "heatmap_factor": heatmap_factor,
    }
    if to == "onnx":
        if cohort or guaranteed or any(value is not None for value in options.values()):
            raise SpecError("--to onnx: writes the network of a run, and takes --out alone")
        file = network(predictions, out)
        shape = ", ".join(map(str, file.shape))
        typer.echo(f"network of ({shape}), {file.apart:.1g} from torch -> {file.path}")
        return
    done = written(predictions, to, out, cohort, options=options, guaranteed=guaranteed)
    typer.echo(f"{len(done.cases)} cases exported to {to} -> {done.path}")
