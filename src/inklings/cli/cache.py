"""``inklings cache``: volumes decoded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def cache(
    cohort: Annotated[Path, typer.Argument(help="Folder made by `inklings import`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The store, or one to go on with.")],
    spacing_mm: Annotated[
        str | None, typer.Option(help="Resampled copies: '1.5', or '2.5,0.7,0.7' (z, y, x).")
    ] = None,
    max_gb: Annotated[
        float | None, typer.Option(min=0, help="GiB that the store may take on the disk.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes on this machine; by default none but this.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, tcp://host:8786, instead.")
    ] = None,
) -> None:
    """Decode every volume once into chunks, so that a crop reads only its part of the file.

    The store is a cohort with the same cases, labels and splits: use it in place of COHORT. Killed,
    it goes on where it stopped. Volumes beyond --max-gb stay where they are (exit code 3).
    """
    from inklings.cli.finish import finish
    from inklings.datasets.volume_cache import cache as store
    from inklings.errors import SpecError

    spacing: tuple[float, ...] | None = None
    if spacing_mm:
        try:
            spacing = tuple(float(part) for part in spacing_mm.split(","))
        except ValueError:
            spacing = ()
        if len(spacing) not in (1, 3) or min(spacing, default=0) <= 0:
            raise SpecError(f"--spacing-mm: expected '1.5' or '2.5,0.7,0.7', got {spacing_mm!r}")
        spacing = spacing * 3 if len(spacing) == 1 else spacing
    done = store(cohort, out, spacing, max_gb, workers, scheduler)
    ratio = done.bytes_decoded / max(1, done.bytes_on_disk)
    typer.echo(
        f"{done.volumes} volumes, {done.bytes_on_disk / 1e6:.0f} MB on disk for "
        f"{done.bytes_decoded / 1e6:.0f} MB of samples ({ratio:.1f} to 1)"
        + (f"; {done.outside} stay where they are" if done.outside else "")
    )
    finish(done.summary, "cases cached", out)
