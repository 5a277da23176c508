"""``inklings show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inklings.cli import choosing

if TYPE_CHECKING:
    from inklings.cohorts.case import Case


def show(
    subject: Annotated[
        Path, typer.Argument(help="A cohort folder, an image file, or a DICOM folder.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Where the picture goes: by default gallery.png in the cohort."),
    ] = None,
    cases: Annotated[
        list[str] | None,
        typer.Option(help="Draw this case, by its id or how it begins; may be repeated."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many cases to draw.")] = 12,
    masks: Annotated[
        bool, typer.Option("--masks", help="Slides: their masks, 15 of them, with their grades.")
    ] = False,
    series: choosing.SERIES = None,
    scene: choosing.SCENE = None,
    page: choosing.PAGE = None,
    channel: choosing.CHANNEL = None,
    project: choosing.PROJECT = None,
) -> None:
    """Describe a cohort or an image file, and draw it with its labels."""
    if subject.is_file() or (subject.is_dir() and _holds_dicom(subject)):
        _show_file(subject, out, choosing.chosen(series, scene, page, channel, project))
    else:
        _show_cohort(subject, out, cases or [], count, masks)


def _holds_dicom(folder: Path) -> bool:
    from inklings.readers import READERS

    return not (folder / "cohort.yaml").exists() and any(
        READERS.build(name, {}).recognises(folder, b"") for name in ("openslide", "dicom")
    )


def _show_file(path: Path, out: Path | None, choice: str | None) -> None:
    from inklings.errors import DataError
    from inklings.progress import note
    from inklings.readers.bag_files import is_bag_file
    from inklings.reports.cohort_text import file_text
    from inklings.reports.gallery import save_picture

    typer.echo(file_text(path, choice))
    drawn = out or Path(f"{path.stem}_shown.png")
    try:
        save_picture(path, drawn, choice)
    except DataError as error:
        if not is_bag_file(path):
            raise
        note(f"not drawn: {error}")  # what it holds was said
        return
    note(f"wrote {drawn}")


def _show_cohort(folder: Path, out: Path | None, names: list[str], count: int, masks: bool) -> None:
    from inklings.cohorts.cohort import Cohort
    from inklings.errors import DataError
    from inklings.progress import note
    from inklings.reports.cohort_text import cohort_text
    from inklings.reports.gallery import choose, gallery, save

    cohort = Cohort.read(folder)
    if not len(cohort):
        raise DataError(f"{folder} has no cases; run the 'inklings import' that made it again")
    named = []
    for name in names:
        found = [case for case in cohort if case.id == name]
        found = found or [case for case in cohort if case.id.startswith(name)]
        if len(found) != 1:
            raise DataError(
                f"expected the id of one case of {folder}, or how it begins, got {name!r}, "
                f"which begins {len(found)}"
            )
        named += found
    if masks:
        _show_masks(folder, out, named or list(cohort))
        return
    chosen = named or choose(cohort, count)
    typer.echo(cohort_text(cohort))
    drawn = out or folder / "gallery.png"
    save(gallery(cohort, chosen), drawn)
    note(f"wrote {drawn}")


def _show_masks(folder: Path, out: Path | None, cases: list[Case]) -> None:
    from inklings.errors import DataError
    from inklings.progress import note
    from inklings.reports.gallery import save
    from inklings.reports.slide_gallery import graded, mask_gallery, spread

    shown = graded(cases)
    if not shown:
        raise DataError(
            f"{folder}: expected slides with masks to draw, got none among {len(cases)}"
        )
    drawn = out or folder / "masks.png"
    save(mask_gallery(spread(shown)), drawn)
    note(f"wrote {drawn}")
