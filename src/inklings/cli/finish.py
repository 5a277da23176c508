"""How a command over many cases ends: one line, and exit code 3 if some of them failed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from inklings.parallel import Summary


def finish(summary: Summary, verb: str, out: Path) -> None:
    """Say what became of the cases (``verb`` as in "12 tiled"), and exit with 3 if some failed."""
    typer.echo(summary.line(verb, out))
    if summary.code:
        raise typer.Exit(summary.code)
