"""``inklings check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_SHOWN = 6


def check(
    cohort: Annotated[Path, typer.Argument(help="Folder made by 'inklings import'.")],
    json: Annotated[
        bool, typer.Option("--json", help="Findings, groups and counts as JSON.")
    ] = False,
) -> None:
    """Check a cohort for damaged files, mismatches, duplicates and leaks.

    Exit code 1 if something would spoil a training, 0 otherwise; duplicates and crops of one
    field that the split keeps together are only noted. Partial labels, such as strokes, are drawn
    in strokes.png.
    """
    from dataclasses import replace
    from json import dumps

    from inklings.cohorts.check_text import text
    from inklings.cohorts.checks import examine
    from inklings.cohorts.cohort import Cohort
    from inklings.progress import note

    subject = Cohort.read(cohort)
    examination = examine(subject, cohort)
    path = examination.write(cohort)
    typer.echo(
        dumps(examination.to_json(), indent=2) if json else text(examination, subject, cohort)
    )
    note(f"wrote {path}")
    named = {one.case for one in examination.findings if one.kind == "partial label"}
    if partial := tuple(case for case in subject if case.id in named):
        from inklings.reports.gallery import choose, gallery, save

        few = replace(subject, cases=partial)
        save(gallery(few, choose(few, _SHOWN)), cohort / "strokes.png")
        note(f"wrote {cohort / 'strokes.png'}, where labels are partial")
    if examination.spoils:
        raise typer.Exit(1)
