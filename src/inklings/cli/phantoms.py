"""``inklings phantoms``: made-up scans with a known answer, in the layout of a public dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def phantoms(
    kind: Annotated[
        Literal["luna16", "chaos"],
        typer.Argument(help="Layout: luna16 (chest CT with nodules) or chaos (abdominal MR)."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder.")],
    count: Annotated[int, typer.Option(min=1, help="How many patients.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes other patients.")] = 0,
) -> None:
    """Write phantoms as a provider delivers its data, to be read by 'inklings import'."""
    from inklings.errors import DataError
    from inklings.simulation.phantoms.chaos import write_studies
    from inklings.simulation.phantoms.luna import write_luna

    if out.exists() and any(out.iterdir()):
        raise DataError(f"expected a new folder, got {out}, which holds something; remove it")
    if kind == "luna16":
        write_luna(out, count, seed)
    else:
        write_studies(out, count, seed=seed)
    more = " --modality mr-t1-inphase" if kind == "chaos" else ""
    typer.echo(f"{count} phantoms -> {out}")
    typer.echo(f"next: inklings import {kind} {out}{more} --out COHORT")
