"""``inklings import leaked-instances``: a cohort of bags from another, for comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inklings.cli import guarded

_OUT = typer.Option("--out", "-o", help="New cohort folder.")


def leaked_instances(
    cohort: Annotated[Path, typer.Argument(help="Cohort of bags whose instances have labels.")],
    out: Annotated[Path, _OUT],
) -> None:
    """LEAKS LABELS: every instance a bag of its own, with its true label, for comparison.

    The reference pretrains its encoder like this. Runs that begin with such weights say so.
    """
    from inklings.bags.summary import summary
    from inklings.pipelines.leaked_instances import leak_instance_labels

    for line in summary(leak_instance_labels(cohort, out)):
        typer.echo(f"{line} -> {out}")


def register(app: typer.Typer) -> None:
    """Add the command to ``inklings import``."""
    app.command("leaked-instances")(guarded(leaked_instances))
