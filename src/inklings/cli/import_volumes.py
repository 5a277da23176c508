"""``inklings import chaos``, ``decathlon`` and ``nifti``: volumes, left where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from inklings.datasets.volume_cohort import VolumeReport

_Out = Annotated[
    Path, typer.Option("--out", "-o", help="Cohort folder; archives are unpacked in it.")
]
_Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; by default one a core.")
]


def chaos(
    root: Annotated[Path, typer.Argument(help="Folder or zip with DICOM_anon folders.")],
    out: _Out,
    modality: Annotated[
        Literal["mr-t1-inphase", "mr-t1-outphase", "mr-t2", "ct"],
        typer.Option(help="Which of the four kinds of scans."),
    ],
    organ: Annotated[
        list[str] | None,
        typer.Option(help="Only this organ, the others are background; repeat for several."),
    ] = None,
    workers: _Workers = None,
) -> None:
    """CHAOS: abdominal CT and MR, with slices of liver, kidneys and spleen as PNG.

    Slices are paired by position, whatever the files are called. Scans without ground truth
    become unlabelled cases.
    """
    from inklings.datasets.chaos import import_chaos

    _say(import_chaos(root, out, modality, organ or (), workers), out)


def dicom(
    root: Annotated[Path, typer.Argument(help="Folder or zip with DICOM series, in any order.")],
    out: _Out,
    series: Annotated[
        str | None,
        typer.Option(help="Only series of this description, folder, 'echo 4.6' or UID."),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Labels of segments to keep, in this order: 'liver,spleen'.")
    ] = None,
    workers: _Workers = None,
) -> None:
    """Any DICOM series; DICOM Segmentations among them are the masks of the series they name.

    A case is a series, and a patient a hash of the patient's id: no name leaves the files.
    """
    from inklings.datasets.dicom_studies import import_dicom

    names = [name.strip() for name in (classes or "").split(",") if name.strip()]
    _say(import_dicom(root, out, series, names, workers), out)


def decathlon(
    root: Annotated[Path, typer.Argument(help="Folder or zip with imagesTr and labelsTr.")],
    out: _Out,
    classes: Annotated[
        str | None,
        typer.Option(help="Names of the codes 1, 2, ... if there is no dataset.json."),
    ] = None,
    workers: _Workers = None,
) -> None:
    """Medical Segmentation Decathlon, and sets laid out like it."""
    from inklings.datasets.decathlon import import_decathlon

    names = [name.strip() for name in (classes or "").split(",") if name.strip()]
    _say(import_decathlon(root, out, names, workers), out)


def nifti(
    images: Annotated[str, typer.Option(help="Pattern of the volumes, in quotes, or a folder.")],
    out: _Out,
    masks: Annotated[
        str | None, typer.Option(help="Pattern of the masks, in quotes, or a folder.")
    ] = None,
    values: Annotated[
        str | None, typer.Option(help="What the masks mean: '5=liver,1=spleen'.")
    ] = None,
    patient: Annotated[
        str | None, typer.Option(help="Regular expression with one group: the patient in a path.")
    ] = None,
    others_are_background: Annotated[
        bool,
        typer.Option("--others-are-background", help="Codes that --values does not name."),
    ] = False,
    workers: _Workers = None,
) -> None:
    """Any volumes (NIfTI, MetaImage, NRRD) with masks of the same names."""
    from inklings.datasets.values import parse
    from inklings.datasets.volumes import import_volumes
    from inklings.errors import SpecError

    if masks and not values:
        raise SpecError("say what the masks mean: --values '1=liver,2=spleen'; 0 is background")
    meaning = parse(values) if values else {}
    report = import_volumes(images, masks, out, meaning, patient, workers, others_are_background)
    _say(report, out)


def _say(report: VolumeReport, out: Path) -> None:
    """Print what came of it, and exit with 3 if volumes were left out."""
    from inklings.datasets.words import volume_lines

    for line in volume_lines(report, out):
        typer.echo(line)
    if report.left_out:
        raise typer.Exit(3)
