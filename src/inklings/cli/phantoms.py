"""``inklings phantoms``: made-up scans with a known answer, in the layout of a public dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def phantoms(
    kind: Annotated[
        Literal["chaos", "dsb2018", "luna16", "panda"],
        typer.Argument(
            help="Layout: chaos (abdominal MR), dsb2018 (nuclei), luna16 (chest CT with nodules) "
            "or panda (biopsies)."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder.")],
    count: Annotated[int, typer.Option(min=1, help="Number of patients.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
) -> None:
    """Write phantoms in the layout of a public dataset, for 'inklings import'."""
    from inklings.simulation.phantoms.layouts import write_layout

    then = write_layout(kind, out, count, seed)
    typer.echo(f"{count} phantoms -> {out}")
    typer.echo(f"next: {then} --out COHORT")
