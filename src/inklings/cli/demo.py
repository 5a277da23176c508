"""``inklings demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder.")] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the phantoms.")] = 0,
    patients: Annotated[int, typer.Option(min=5, help="Number of patients.")] = 32,
    images: Annotated[int, typer.Option(min=1, help="Fields of view per patient.")] = 3,
    size: Annotated[int, typer.Option(min=32, help="Side of a field, in pixels of 1 µm.")] = 256,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Steps per training; fewer are faster and less accurate."),
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
    """Run the whole pipeline on generated images: no download, five minutes on two cores."""
    from inklings.benchmark.demo import run_demo
    from inklings.benchmark.demos import DEMOS
    from inklings.errors import SpecError

    asked = {"bags": bags, "slides": slides, "volumes": volumes, "nodules": nodules}
    kinds = [kind for kind, wanted in asked.items() if wanted]
    sizes = {"patients": patients, "images": images, "size": size}
    if len(kinds) > 1:
        raise SpecError(f"expected one demo, got --{' --'.join(kinds)}; give each its own --out")
    if kinds and sizes != {"patients": 32, "images": 3, "size": 256}:
        raise SpecError(f"--patients, --images and --size are of drawn tissue, not of --{kinds[0]}")
    kind, more = (kinds[0], {}) if kinds else ("tissue", sizes)
    for line in run_demo(DEMOS[kind](**more, steps=steps, seed=seed), out, _command):
        typer.echo(line)


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
