"""``inklings import NAME`` for datasets of other packages (entry points ``inklings.dataset``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from inklings.cli import guarded


class WithPlugIns(TyperGroup):
    """Knows, besides its own commands, the datasets that other packages bring."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of its own first."""
        mine = super().list_commands(ctx)
        return [*mine, *(name for name in _plugged() if name not in mine)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; None if there is none."""
        found = super().get_command(ctx, cmd_name)
        return _command(cmd_name) if found is None and cmd_name in _plugged() else found


def _plugged() -> list[str]:
    """From the metadata alone: nothing is imported for a list of names."""
    from importlib.metadata import entry_points

    return sorted({point.name for point in entry_points(group="inklings.dataset")})


def _command(name: str) -> Any:
    def plugged(
        source: Annotated[Path, typer.Argument(help="What lies on disk.")],
        out: Annotated[
            Path, typer.Option("--out", "-o", help="New cohort folder, or one to go on with.")
        ],
        workers: Annotated[
            int | None, typer.Option("--workers", min=1, help="Processes; by default one a core.")
        ] = None,
    ) -> None:
        """A dataset of another package."""
        from inklings.datasets import DATASETS
        from inklings.datasets.importing import run
        from inklings.datasets.words import lines

        report = run(DATASETS.build(name, {"source": source}), out, workers)
        for line in lines(report, out):
            typer.echo(line)
        if report.left_out:
            raise typer.Exit(3)

    small = typer.Typer(add_completion=False)
    small.command(name)(guarded(plugged))
    return typer.main.get_command(small)
