"""``inklings import``: what lies on disk becomes a cohort."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inklings.cli import (
    guarded,
    import_bags,
    import_corrections,
    import_nodules,
    import_plugged,
    import_slides,
    import_volumes,
)

if TYPE_CHECKING:
    from inklings.datasets.importing import Dataset

app = typer.Typer(
    cls=import_plugged.WithPlugIns,
    no_args_is_help=True,
    help="Make a cohort from a dataset or a folder on disk.",
)

_OUT = typer.Option("--out", "-o", help="New cohort folder; an interrupted import goes on there.")
_WORKERS = typer.Option("--workers", min=1, help="Processes; by default one a core.")
_IN_PLACE = typer.Option(
    "--in-place", help="Point at the images where they lie instead of copying them."
)

for _name in ("panda", "tcga", "slides"):
    app.command(_name)(guarded(getattr(import_slides, _name)))
app.command("corrections")(guarded(import_corrections.corrections))
for _name in ("chaos", "decathlon", "dicom", "nifti"):
    app.command(_name)(guarded(getattr(import_volumes, _name)))
for _name in ("luna16", "lidc"):
    app.command(_name)(guarded(getattr(import_nodules, _name)))


@app.command("dsb2018")
@guarded
def dsb2018(
    path: Annotated[Path, typer.Argument(help="The zip, the extracted folder, or all the zips.")],
    out: Annotated[Path, _OUT],
    labels: Annotated[
        Path | None, typer.Option(help="Run-length table (CSV) that does not lie within PATH.")
    ] = None,
    in_place: Annotated[bool, _IN_PLACE] = False,
    workers: Annotated[int | None, _WORKERS] = None,
) -> None:
    """Data Science Bowl 2018: nuclei, one mask each (stage1_train, stage1_test, stage2)."""
    from inklings.datasets.dsb2018 import Dsb2018

    _import(Dsb2018(path, labels, in_place), out, workers)


def _import(dataset: Dataset, out: Path, workers: int | None) -> None:
    """Run the import, say what came of it, and exit with 3 if cases were left out."""
    from inklings.datasets.importing import run
    from inklings.datasets.words import lines

    report = run(dataset, out, workers)
    for line in lines(report, out):
        typer.echo(line)
    if report.left_out:
        raise typer.Exit(3)


@app.command("folder")
@guarded
def folder(
    images: Annotated[str, typer.Option(help="Pattern of the images, in quotes, or a folder.")],
    out: Annotated[Path, _OUT],
    masks: Annotated[
        str | None, typer.Option(help="Pattern of the masks, in quotes, or a folder.")
    ] = None,
    values: Annotated[
        str | None,
        typer.Option(help="What the masks mean: '0=background,255=nucleus', '#ff0000=tumour'."),
    ] = None,
    class_: Annotated[
        str, typer.Option("--class", help="Name of the class where there is only one.")
    ] = "object",
    instances: Annotated[
        bool, typer.Option("--instances", help="Masks hold numbers or colours of objects.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take the reading that was proposed.")] = False,
    spacing_mm: Annotated[
        float | None, typer.Option(min=1e-6, help="Distance between samples, if you know it.")
    ] = None,
    patient: Annotated[
        str | None, typer.Option(help="Regular expression with one group: the patient in a path.")
    ] = None,
    in_place: Annotated[bool, _IN_PLACE] = False,
    workers: Annotated[int | None, _WORKERS] = None,
) -> None:
    """Any pictures with masks: paired by name, values mapped to classes as you say.

    A mask belongs to the image of the same name; endings like _mask do not count. Images without
    a mask become unlabelled cases.
    """
    from inklings.datasets.folder import Folder
    from inklings.datasets.values import parse

    if instances and values:
        raise _mistake("--instances and --values exclude each other: numbers or classes")
    if instances or masks is None:
        meaning: dict[int, str] = {}
    else:
        meaning = parse(values) if values else _confirmed(images, masks, class_, yes, workers)
    dataset = Folder(
        images,
        masks,
        meaning,
        instances,
        class_,
        spacing_mm,
        patient,
        in_place,
        out.absolute().name,
    )
    _import(dataset, out, workers)


@app.command("tiles")
@guarded
def tiles(
    root: Annotated[Path, typer.Argument(help="Folder that holds img_dir and ann_dir.")],
    out: Annotated[Path, _OUT],
    values: Annotated[
        str | None,
        typer.Option(help="What the masks mean: '0=background,127=benign,255=cancer'."),
    ] = None,
    in_place: Annotated[bool, _IN_PLACE] = False,
    workers: Annotated[int | None, _WORKERS] = None,
) -> None:
    """Tiles of slides as PNG files: img_dir/{train,val} with ann_dir/{train,val}.

    The folders' split is taken over unless it parts the tiles of a patient.
    """
    from inklings.datasets.tiles import Tiles, meaning_of, take_over_splits

    dataset = Tiles(root, meaning_of(root, values), in_place)
    try:
        _import(dataset, out, workers)
    finally:
        if said := take_over_splits(out):
            typer.echo(said)


def _confirmed(
    images: str, masks: str, class_: str, yes: bool, workers: int | None
) -> dict[int, str]:
    """Show what the masks hold, and take the one obvious reading only if the user agrees."""
    import sys

    from inklings.datasets.folder import survey
    from inklings.datasets.pairing import pairs
    from inklings.datasets.values import example

    found = survey([pair.mask for pair in pairs(images, masks) if pair.mask], workers)
    for line in found.lines():
        typer.echo(line)
    proposal = found.proposal(class_)
    if proposal:
        said = ", ".join(f"{value} = {name}" for value, name in proposal.items())
        if yes or (sys.stdin.isatty() and typer.confirm(f"Take {said}?")):
            typer.echo(f"taken: {said}")
            return proposal
        raise _mistake(f"say what the values mean: {example(found, [class_])}, or --yes for {said}")
    raise _mistake(
        f"say what the values mean: {example(found)}; or --instances if they number objects"
    )


def _mistake(text: str) -> Exception:
    from inklings.errors import SpecError

    return SpecError(text)


import_bags.register(app)
