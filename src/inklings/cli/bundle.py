"""``inklings bundle``: a run in one file that can be sent, and the check of such a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inklings.errors import SpecError


def bundle(
    run: Annotated[Path, typer.Argument(help="Folder of a run; with --verify a bundle.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write, such as model.zip.")
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Check a bundle: its hashes, and its test input once more."),
    ] = False,
) -> None:
    """Put a run into one file, with which 'inklings predict model.zip' works anywhere.

    It holds weights, experiment, preprocessing, calibration, promises, card, a small input and
    what the network says of it, the SHA-256 of each, and the names of the patients that the run
    has learnt from, whom nobody shall test it on, and of those that its promises rest on.
    """
    from inklings.library import bundling

    if verify == (out is not None):
        raise SpecError("expected --out FILE to bundle a run, or --verify to check a bundle")
    done = bundling.verify(run) if out is None else bundling.bundle(run, out)
    what = f"{len(done.index.sha256)} files, SHA-256 {done.index.digest}"
    if out is None:
        typer.echo(f"{run}: {what}; as bundled (test output {done.apart:.1g} apart)")
    else:
        typer.echo(f"{what}; names {done.patients} patients -> {done.path}")
