"""``inklings show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def show(
    subject: Annotated[Path, typer.Argument(help="A cohort folder, or one image file.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Where the picture goes: by default gallery.png in the cohort."),
    ] = None,
    cases: Annotated[
        list[str] | None,
        typer.Option(help="Draw this case (the beginning of its id will do); repeat."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many cases to draw.")] = 12,
) -> None:
    """Say what a cohort or an image file is, and draw it with its labels."""
    if subject.is_file():
        _show_file(subject, out)
    else:
        _show_cohort(subject, out, cases or [], count)


def _show_file(path: Path, out: Path | None) -> None:
    from inklings.progress import note
    from inklings.reports.cohort_text import file_text
    from inklings.reports.gallery import save_picture

    typer.echo(file_text(path))
    drawn = out or Path(f"{path.stem}_shown.png")
    save_picture(path, drawn)
    note(f"wrote {drawn}")


def _show_cohort(folder: Path, out: Path | None, names: list[str], count: int) -> None:
    from inklings.cases.cohort import Cohort
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
    chosen = named or choose(cohort, count)
    typer.echo(cohort_text(cohort))
    drawn = out or folder / "gallery.png"
    save(gallery(cohort, chosen), drawn)
    note(f"wrote {drawn}")
