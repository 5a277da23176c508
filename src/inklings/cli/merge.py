"""``inklings merge``: several models of bags, one answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def merge(
    predictions: Annotated[
        list[Path],
        typer.Argument(
            metavar="PREDICTIONS...",
            help="Two folders or more of predictions of the same bags, validation part included.",
        ),
    ],
    cohort: Annotated[Path, typer.Option(help="The cohort of the bags, with a split.")],
    out: Annotated[Path, typer.Option(help="New folder of predictions.")],
    depth: Annotated[int, typer.Option(min=1, help="Maximal depth of the tree.")] = 3,
    seed: Annotated[int, typer.Option(help="Random seed, for ties between splits.")] = 0,
) -> None:
    """Merge several models of bags by a decision tree, fitted on the validation part.

    For example a model of high sensitivity, one of high specificity and a balanced one (train with
    --set 'inference.threshold={sensitivity: 0.95}', or other losses). tree.txt shows the rule.
    """
    from inklings.bags.merge import merge as merged

    done = merged(predictions, cohort, out, depth, seed)
    fitted = ", ".join(f"{name}: {count} bags" for name, count in done.fitted.items())
    typer.echo(f"{len(done.cases)} bags merged by a tree ({fitted} of val) -> {done.path}")
