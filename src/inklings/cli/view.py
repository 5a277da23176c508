"""``inklings view``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view(
    path: Annotated[
        list[Path],
        typer.Argument(help="A cohort, a run, one or two folders of predictions, or image files."),
    ],
    predictions: Annotated[
        list[Path] | None,
        typer.Option(help="Predictions to lay over a cohort; twice for two side by side."),
    ] = None,
    cohort: Annotated[
        Path | None, typer.Option(help="The cohort of predictions or of a run, if it was moved.")
    ] = None,
    corrections: Annotated[
        Path | None, typer.Option(help="Where corrections go; by default PATH/corrections.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Save nothing.")] = False,
    host: Annotated[
        str, typer.Option(help="Address to listen on; only this machine by default.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
    cache_mb: Annotated[
        int, typer.Option(min=16, help="Memory for tiles and volumes, in megabytes.")
    ] = 512,
    author: Annotated[
        str | None, typer.Option(help="Reader's name in corrections; default: your account.")
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the browser.")
    ] = True,
) -> None:
    """Look at images, labels and predictions in a browser, and correct them."""
    from inklings.viewer.serve import view as show

    show(
        path,
        predictions or (),
        cohort,
        corrections,
        host=host,
        port=port,
        cache_mb=cache_mb,
        read_only=read_only,
        browser=browser,
        author=author,
    )
