"""``inklings predict``: a trained model on new images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from inklings.cli import choosing


def predict(
    run: Annotated[
        Path,
        typer.Argument(
            help="Folder made by `inklings train`, or of several runs by `inklings crossval`; or a "
            "file made by `inklings bundle`."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Output folder; an interrupted prediction is resumed.")],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...",
            help="A cohort, a folder of images, files, or https://HOST/PATH/studies/UID, also with "
            "/series/UID, of an archive.",
        ),
    ] = None,
    also: Annotated[
        list[Path] | None,
        typer.Option(help="Another run to average with; may be repeated."),
    ] = None,
    images: Annotated[
        list[str] | None,
        typer.Option(
            help="Cases of several images: NAME=PATTERN for each, with the image names of the "
            "training cohort."
        ),
    ] = None,
    split: Annotated[
        Literal["train", "val", "test"] | None, typer.Option(help="Only this part of a cohort.")
    ] = None,
    series: choosing.SERIES = None,
    scene: choosing.SCENE = None,
    page: choosing.PAGE = None,
    channel: choosing.CHANNEL = None,
    project: choosing.PROJECT = None,
    mirroring: Annotated[
        bool | None,
        typer.Option(help="Test-time augmentation: average over mirror images; takes longer."),
    ] = None,
    no_calibration: Annotated[
        bool,
        typer.Option("--no-calibration", help="Leave out the calibration of `inklings calibrate`."),
    ] = False,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|prior|auto",
            help="Threshold in (0, 1) instead of that of the run. prior: the predicted share of "
            "all images matches the class prior of the run. auto: prior, if the run found its"
            " labels incomplete.",
        ),
    ] = None,
    instances: Annotated[
        str | None, typer.Option(help="Object separation: watershed or components.")
    ] = None,
    components: Annotated[
        Literal["all", "largest", "auto"] | None,
        typer.Option(help="Volumes: the largest connected component of each class, or as trained."),
    ] = None,
    refine: Annotated[
        Literal["crf"] | None,
        typer.Option(help="Pictures: probabilities follow the edges of the image (dense CRF)."),
    ] = None,
    spacing_um: Annotated[
        float | None,
        typer.Option(help="Slides: micrometres a pixel of level 0, where the files do not say."),
    ] = None,
    overrule_spacing: Annotated[
        bool, typer.Option("--overrule-spacing", help="Take --spacing-um whatever the files say.")
    ] = False,
    factor: Annotated[
        float | None,
        typer.Option(help="Slides: factor by which level 0 is coarsened for the network."),
    ] = None,
    heatmap_spacing_um: Annotated[
        float | None, typer.Option(help="Slides: micrometres between pixels of the maps.")
    ] = None,
    heatmap_factor: Annotated[
        float | None,
        typer.Option(help="Slides: or how much coarser than the network's grid; 4 if left out."),
    ] = None,
    tissue: Annotated[
        str | None,
        typer.Option(
            help="Slides: stained, saturation, density, white, or everywhere; stained if left out."
        ),
    ] = None,
    smallest_region: Annotated[
        int | None,
        typer.Option(min=1, help="Slides: outlines of regions of at least so many pixels, or 16."),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Pictures scanned by a classifier of patches: distance between patches, in "
            "pixels; default: 1.",
        ),
    ] = None,
    store: Annotated[
        bool, typer.Option("--store", help="Archives: store what was found beside its series.")
    ] = False,
    to: Annotated[
        list[str] | None,
        typer.Option(
            help="With --store: dicom-seg, dicom-labelmap, rtstruct, dicom-sr; may be repeated."
        ),
    ] = None,
    workers: choosing.WORKERS = None,
    scheduler: choosing.SCHEDULER = None,
) -> None:
    """Predict with any run; run again to resume, finished cases are skipped.

    Pictures and volumes leave cases/<case>.npz; a slide leaves a heat map and a map of classes
    (pyramidal OME-TIFF), outlines (GeoJSON), a thumbnail with overlay and the area of each class
    in cases/<case>/, and areas.csv for all; a bag its diagnosis and the score of each instance (and
    larger pictures a map, if the run was trained on bags of small ones); a detector, or a folder
    of all stages, findings/<case>.json and findings.csv.
    Probabilities of several runs (a folder of them, or --also) are averaged; their standard
    deviation is kept beside the maps, and its mean in uncertainty.csv.
    Studies of an archive (DICOMweb) are downloaded to OUT/dicom; the login is read from the
    environment (INKLINGS_DICOMWEB_TOKEN, or _USER and _PASSWORD) or ~/.netrc.
    Exit code 3 if some case could not be read; the others are predicted.
    """
    from inklings.archives.place import is_url
    from inklings.datasets.several import parse
    from inklings.errors import SpecError
    from inklings.inference.predict import predict as predict_cases
    from inklings.inference.predictor import asked_threshold
    from inklings.parallel import FAILED

    words = choosing.chosen(series, scene, page, channel, project)
    given, archive = inputs or [], None
    paths = [Path(one) for one in given if not is_url(one)]
    urls = [one for one in given if is_url(one)]
    if (store and not urls) or (to and not store):
        raise SpecError("--store: expected https://.../studies/UID to predict; --to goes with it")
    if urls:
        from inklings.archives.answers import kind_of
        from inklings.archives.predicted import downloaded
        from inklings.archives.predicted import store as stored

        _, exports = kind_of(run, to or ())
        archive, folders = downloaded(urls, out, words)
        paths += folders
    summary = predict_cases(
        run,
        paths,
        out,
        workers=workers,
        scheduler=scheduler,
        split=split,
        series=words,
        images=parse(images) if images else None,
        also=also or None,
        mirroring=mirroring,
        calibration=False if no_calibration else None,
        **asked_threshold(threshold),
        instances=instances,
        components=components,
        refine=refine,
        factor=factor,
        spacing_um=spacing_um,
        overrule_spacing=overrule_spacing or None,
        heatmap_spacing_um=heatmap_spacing_um,
        heatmap_factor=heatmap_factor,
        tissue=tissue,
        smallest_region=smallest_region,
        stride=stride,
    )
    for case, reason in summary.failed.items():
        typer.echo(f"failed: {case}: {reason}", err=True)
    typer.echo(summary.line("predicted", out))
    code = summary.code
    if archive and store:
        done = stored(archive, out, [folder.name for folder in folders], exports)
        for case, reason in done.failed.items():
            typer.echo(f"failed: {case}: {reason}", err=True)
        typer.echo(done.line(archive.place.host))
        code = code or (FAILED if done.failed else 0)
    if code:
        raise typer.Exit(code)
