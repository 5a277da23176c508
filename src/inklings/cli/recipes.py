"""``inklings recipes``: the experiments that come with the package."""

from __future__ import annotations

from typing import Annotated

import typer


def recipes(
    name: Annotated[
        str | None, typer.Argument(help="Print this one: inklings recipes weak > mine.yaml.")
    ] = None,
) -> None:
    """List the recipes that 'inklings train' takes by name, or print one as YAML."""
    from inklings.recipes import names, recipe, text

    if name is not None:
        typer.echo(text(name), nl=False)
        return
    found = [recipe(one) for one in names()]
    wide = max(len(one.name) for one in found) + 2
    kind = max(len(one.task) for one in found) + 2
    for one in found:
        typer.echo(f"{one.name:{wide}}{one.task:{kind}}{one.about} ({one.measured})")
