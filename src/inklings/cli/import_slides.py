"""``inklings import panda``, ``tcga`` and ``slides``: whole slides, left where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from inklings.datasets.slide_cohort import SlideReport

_Out = Annotated[
    Path, typer.Option("--out", "-o", help="Cohort folder; a later import there adds new slides.")
]
_Spacing = Annotated[
    float | None,
    typer.Option(
        min=0.01, max=100, help="Micrometres a pixel of level 0, if the files do not say."
    ),
]
_Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; by default one a core.")
]
_Annotations = Annotated[
    str | None,
    typer.Option(help="Pattern of QuPath GeoJSON, Aperio or ASAP XML, named like the slides."),
]
_Names = Annotated[
    str | None,
    typer.Option(help="What annotators' names mean: 'Tumor=tumour,_2=hole,Fold=background'."),
]
_Table = Annotated[
    Path | None, typer.Option(help="CSV of slides or patients; its columns become facts.")
]
_Label = Annotated[str | None, typer.Option(help="Column of the table that labels the slides.")]
_Patient = Annotated[
    str | None, typer.Option(help="Regular expression with one group: the patient in a path.")
]


def panda(
    root: Annotated[Path, typer.Argument(help="Folder with train.csv and train_images.")],
    out: _Out,
    provider: Annotated[
        str | None, typer.Option(help="Only slides of karolinska or of radboud.")
    ] = None,
    min_isup: Annotated[int, typer.Option(min=0, max=5, help="Only this grade or worse.")] = 0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="The first so many that are on disk.")
    ] = None,
    classes: Annotated[
        str,
        typer.Option(help="tumour, tissue (benign and tumour) or gleason (of radboud only)."),
    ] = "tumour",
    masks: Annotated[
        str, typer.Option(help="Folder of the masks under ROOT, where there are others.")
    ] = "train_label_masks",
    mask_provider: Annotated[
        str | None, typer.Option(help="Whose codes those masks hold, if not the slide's provider.")
    ] = None,
    spacing_um: _Spacing = None,
    workers: _Workers = None,
) -> None:
    """PANDA: prostate biopsies of two providers, whose masks have codes of their own.

    Each mask is read by the code of its provider. Slides without a mask keep the label of the
    whole slide; slides that are not downloaded yet are counted and left for a later import.
    """
    from inklings.datasets.panda import import_panda

    chosen = (provider, min_isup, limit, classes, spacing_um, workers)
    _say(import_panda(root, out, *chosen, masks=masks, mask_provider=mask_provider), out)


def tcga(
    root: Annotated[Path, typer.Argument(help="Folder of slides, as the GDC client leaves it.")],
    out: _Out,
    annotations: _Annotations = None,
    names: _Names = None,
    table: _Table = None,
    label: _Label = None,
    patient: _Patient = None,
    spacing_um: _Spacing = None,
    workers: _Workers = None,
) -> None:
    """TCGA: patient, and tumour or normal, from the barcode; a table for everything else."""
    from inklings.datasets.slides import SlideFolder
    from inklings.datasets.tcga import import_tcga

    source = SlideFolder(
        str(root), annotations, _pairs(names), table=table, label=label, patient=patient
    )
    _say(import_tcga(root, out, source, spacing_um, workers), out)


def slides(
    images: Annotated[str, typer.Option(help="Pattern of the slides, in quotes, or a folder.")],
    out: _Out,
    annotations: _Annotations = None,
    names: _Names = None,
    masks: Annotated[
        str | None, typer.Option(help="Pattern of masks, in quotes, named like the slides.")
    ] = None,
    codes: Annotated[
        str | None,
        typer.Option(help="What the masks' codes 1, 2, ... mean: 'background,tumour'."),
    ] = None,
    table: _Table = None,
    label: _Label = None,
    patient: _Patient = None,
    spacing_um: _Spacing = None,
    workers: _Workers = None,
) -> None:
    """Any slides, with annotations of QuPath, ImageScope or ASAP, masks, or a table of labels."""
    from inklings.datasets.slides import SlideFolder, import_slides

    meaning = tuple(name.strip() for name in codes.split(",")) if codes else ()
    source = SlideFolder(images, annotations, _pairs(names), masks, meaning, table, label, patient)
    name = out.absolute().name
    _say(import_slides(source, out, name, None, None, spacing_um, workers), out)


def _pairs(text: str | None) -> dict[str, str]:
    from inklings.errors import SpecError

    pairs = [part.split("=", 1) for part in (text or "").split(",") if part.strip()]
    if any(len(pair) != 2 or not all(map(str.strip, pair)) for pair in pairs):
        raise SpecError(f"--names: expected 'Tumor=tumour,Stroma=background', got {text!r}")
    return {before.strip(): after.strip() for before, after in pairs}


def _say(report: SlideReport, out: Path) -> None:
    """Print what came of it, and exit with 3 if slides were left out."""
    from inklings.datasets.words import slide_lines

    for line in slide_lines(report, out):
        typer.echo(line)
    if report.left_out:
        raise typer.Exit(3)
