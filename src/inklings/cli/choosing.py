"""Options that are the same in every command: which image of a file of several, and who works."""

from __future__ import annotations

from typing import Annotated

import typer

SERIES = Annotated[
    str | None,
    typer.Option("--series", help="DICOM: which series, by description, folder, 'echo 4.6', UID."),
]
SCENE = Annotated[
    str | None, typer.Option("--scene", help="Name or number of one of several pictures.")
]
PAGE = Annotated[
    str | None, typer.Option("--page", help="Number, from 0, of a page or plane; or z=2,t=0.")
]
CHANNEL = Annotated[
    str | None,
    typer.Option("--channel", help="Names or numbers of the channels to keep, between commas."),
]
PROJECT = Annotated[
    str | None, typer.Option("--project", help="Project a stack to one plane: max or mean.")
]

WORKERS = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=0,
        help="Processes; 0 or 1 for this one alone; default: as many as help.",
    ),
]
SCHEDULER = Annotated[
    str | None,
    typer.Option(
        "--scheduler", help="Address of a Dask scheduler to use instead: tcp://host:8786."
    ),
]


def chosen(
    series: str | None,
    scene: str | None,
    page: str | None,
    channel: str | None,
    project: str | None,
) -> str | None:
    """All of it as one text, as it is stored; None where nothing was chosen."""
    from inklings.readers.choice import Choice

    said = Choice(Choice.parse(series).series, scene, page, channel, project)
    return said.text()
