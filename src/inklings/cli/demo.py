"""``inklings demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for everything.")] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other tissue.")] = 0,
    patients: Annotated[int, typer.Option(min=5, help="How many are drawn.")] = 32,
    images: Annotated[int, typer.Option(min=1, help="Fields of view a patient.")] = 3,
    size: Annotated[int, typer.Option(min=32, help="Side of a field, in samples of 1 um.")] = 256,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of each training; fewer are quicker and worse.")
    ] = None,
    slides: Annotated[
        bool, typer.Option("--slides", help="Whole slides: tiles, tumour maps, weak outlines.")
    ] = False,
    bags: Annotated[
        bool, typer.Option("--bags", help="Bags of digits: one label a bag, the digit is found.")
    ] = False,
    volumes: Annotated[
        bool, typer.Option("--volumes", help="Abdominal MR: DICOM folders to livers in mm.")
    ] = False,
    nodules: Annotated[
        bool, typer.Option("--nodules", help="Chest CT: lung nodules, their size and malignancy.")
    ] = False,
) -> None:
    """Run everything once on generated tissue: no download, five minutes on two cores."""
    if bags:
        _bags(out, seed, steps)
        return
    if slides:
        _slides(out, seed, steps)
        return
    if volumes:
        _volumes(out, seed, steps)
        return
    if nodules:
        _nodules(out, seed, steps)
        return
    from inklings.pipelines.demo import Plan, table
    from inklings.pipelines.demo import demo as run

    results = run(out, Plan(patients, images, size, steps, seed), _command)
    typer.echo("")
    for line in table(results):
        typer.echo(line)
    typer.echo(f"\nreport -> {out / 'report.html'}, and one for each run in {out / 'runs'}")


def _bags(out: Path, seed: int, steps: int | None) -> None:
    from inklings.pipelines.demo_bags import PICTURE, Plan, demo_bags, summary

    table = demo_bags(out, Plan(seed=seed, steps=steps or Plan.steps), _command)
    typer.echo("")
    for line in summary(table):
        typer.echo(line)
    typer.echo(f"\nbags with the digit found -> {out / PICTURE}, {out / 'run' / 'report.html'}")


def _slides(out: Path, seed: int, steps: int | None) -> None:
    from inklings.pipelines.demo_slides import Plan, demo_slides, table

    results = demo_slides(out, Plan(seed=seed, steps=steps), _command)
    typer.echo("")
    for line in table(results):
        typer.echo(line)
    typer.echo(f"\nmaps -> {out / 'predictions'}, a report for each run in {out / 'runs'}")


def _volumes(out: Path, seed: int, steps: int | None) -> None:
    from inklings.pipelines.demo_volumes import Plan, demo_volumes, table

    results = demo_volumes(out, Plan(seed=seed, steps=steps), _command)
    typer.echo("")
    for line in table(results):
        typer.echo(line)
    typer.echo(
        f"\nreports with pictures -> {out / 'runs' / 'full' / 'report.html'}, {out / 'runs'}"
    )


def _nodules(out: Path, seed: int, steps: int | None) -> None:
    from inklings.pipelines.demo_nodules import Plan, demo_nodules, table

    results = demo_nodules(out, Plan(seed=seed, steps=steps or Plan.steps), _command)
    typer.echo("")
    for line in table(results):
        typer.echo(line)
    typer.echo(f"\nreport with pictures -> {out / 'nodules' / 'report.html'}")


def _command(*words: object) -> None:
    """Echo a command, then run it in this process: a new one would load torch each time."""
    import shlex

    from inklings.cli import app
    from inklings.progress import is_silent

    line = [str(word) for word in words]
    typer.secho(f"\n$ inklings {shlex.join(line)}", bold=True)
    code = app([*line, *(["--quiet"] if is_silent() else [])], standalone_mode=False)
    if code:
        raise typer.Exit(int(code))
