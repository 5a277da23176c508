"""``inklings cache``: volumes decoded once, and what is kept of earlier work."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from inklings.cli import choosing


def cache(
    cohort: Annotated[Path | None, typer.Argument(help="Folder made by `inklings import`.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the store; an interrupted one is resumed."),
    ] = None,
    spacing_mm: Annotated[
        str | None, typer.Option(help="Resampled copies: '1.5', or '2.5,0.7,0.7' (z, y, x).")
    ] = None,
    max_gb: Annotated[
        float | None, typer.Option(min=0, help="GiB that the store may take on the disk.")
    ] = None,
    workers: choosing.WORKERS = None,
    scheduler: choosing.SCHEDULER = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Clear the disk cache of trainings (without COHORT).")
    ] = False,
) -> None:
    """Decode every volume once into chunks, so that a crop reads only its part of the file.

    The store is a cohort with the same cases, labels and splits: use it in place of COHORT. An
    interrupted run is resumed. Volumes beyond --max-gb are not copied (exit code 3).

    Without COHORT: list the disk cache of trainings, in INKLINGS_CACHE (~/.cache/inklings),
    at most INKLINGS_CACHE_GB (20); --clear removes it.
    """
    from inklings.cli.finish import finish
    from inklings.errors import SpecError

    asked = (out, spacing_mm, max_gb, workers, scheduler)
    if cohort is None:
        if any(value is not None for value in asked):
            raise SpecError("expected a COHORT to decode, got options without one")
        _list(clear)
        return
    if out is None or clear:
        raise SpecError(
            "--clear: removes what trainings keep; give no COHORT"
            if clear
            else f"expected --out, the store for the volumes of {cohort}"
        )
    from inklings.datasets.volume_cache import cache as store

    spacing: tuple[float, ...] | None = None
    if spacing_mm:
        try:
            spacing = tuple(float(part) for part in spacing_mm.split(","))
        except ValueError:
            spacing = ()
        if len(spacing) not in (1, 3) or not all(0 < mm < math.inf for mm in spacing):
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


def _list(clear: bool) -> None:
    from inklings.cache import GIB, Cache

    kept = Cache.shared()
    entries = kept.clear() if clear else kept.entries()
    for kind in sorted({one.kind for one in entries}):
        sizes = [one.bytes for one in entries if one.kind == kind]
        typer.echo(f"{kind}: {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB")
    total = sum(one.bytes for one in entries) / 1e6
    done = "removed from" if clear else "kept in"
    typer.echo(
        f"{len(entries)} files, {total:.1f} MB {done} {kept.folder} "
        f"(at most {(kept.limit or 0) / GIB:g} GiB)"
    )
