"""``inklings weaken``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from inklings.cli import choosing

Number = list[float] | None


def weaken(
    cohort: Annotated[Path, typer.Argument(help="Cohort folder with complete labels.")],
    kind: Annotated[
        list[str],
        typer.Option(
            help="drop, dilate, erode, box, slice_box, hull, jitter, points, scribble, slices or "
            "bag; a chain is joined by + or by repeating --kind: drop+dilate, or "
            "dilate:pixels=4+jitter:pixels=2."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the weak cohort.")],
    seed: Annotated[int, typer.Option(help="Random seed.", min=0)] = 0,
    keep: Annotated[
        Number, typer.Option(metavar="NUMBER", help="drop, slices: share kept.")
    ] = None,
    pixels: Annotated[
        Number, typer.Option(metavar="NUMBER", help="dilate, jitter: pixels of displacement.")
    ] = None,
    boundary_error: Annotated[
        Number,
        typer.Option(
            metavar="NUMBER", help="dilate: how much annotators differ (0.5: by a factor of 1.6)."
        ),
    ] = None,
    depth: Annotated[
        Number,
        typer.Option(metavar="NUMBER", help="erode: share of the depth that is removed (0.5)."),
    ] = None,
    gap: Annotated[
        Number,
        typer.Option(
            metavar="NUMBER", help="hull: pixels between objects of a group (two diameters)."
        ),
    ] = None,
    smooth: Annotated[
        Number, typer.Option(metavar="NUMBER", help="jitter: smoothness in pixels (8).")
    ] = None,
    width: Annotated[
        Number, typer.Option(metavar="NUMBER", help="scribble: width of the brush (3).")
    ] = None,
    trusted: Annotated[
        list[str] | None,
        typer.Option(metavar="CASE", help="A case that keeps its labels; may be repeated."),
    ] = None,
    workers: choosing.WORKERS = None,
    scheduler: choosing.SCHEDULER = None,
) -> None:
    """Simulate weak labels from complete ones; the reference is kept for evaluation only."""
    from inklings.library.cohorts import weakened
    from inklings.simulation.chain import Chain

    chain = Chain.parse(
        kind,
        keep=_once("keep", keep),
        pixels=_once("pixels", pixels),
        boundary_error=_once("boundary-error", boundary_error),
        depth=_once("depth", depth),
        gap=_once("gap", gap),
        smooth=_once("smooth", smooth),
        width=_once("width", width),
    )
    weak, quality = weakened(cohort, chain, seed, out, workers, scheduler, trusted or ())
    typer.echo("\n".join(quality.lines()))
    typer.echo(f"{weak.facts['weakness']['cases']} cases weakened by {chain}, seed {seed} -> {out}")


def _once(name: str, values: Sequence[float] | None) -> float | None:
    from inklings.errors import SpecError

    if values and len(values) > 1:
        key = name.replace("-", "_")
        raise SpecError(
            f"--{name} is given {len(values)} times; give each kind its own: "
            f"--kind KIND:{key}={values[0]:g}+KIND:{key}={values[1]:g}"
        )
    return values[0] if values else None
