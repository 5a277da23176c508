"""``inklings train``: from a recipe or an experiment file to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    experiment: Annotated[
        str,
        typer.Argument(
            metavar="NAME-OR-FILE",
            help="A recipe (see 'inklings recipes'), or a file: with a suffix or a slash.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace one value: training.steps=100; may be repeated."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where it stopped; nothing if it is finished.")
    ] = False,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="The same weights every time, if slower.")
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option("--from", help="Begin with the weights of a run or of a checkpoint file."),
    ] = None,
    trusted: Annotated[
        list[str] | None,
        typer.Option(help="A case whose outlines are exact: it shows the style; may be repeated."),
    ] = None,
    allow_seen: Annotated[
        bool,
        typer.Option(
            "--allow-seen-test-patients",
            help="Train although the weights have already seen patients of the test part.",
        ),
    ] = False,
) -> None:
    """Train a network as a recipe or a file says; run it again to go on after an interruption."""
    from inklings.spec import Experiment

    settings = list(changes or [])
    if deterministic:
        settings.append("training.deterministic=true")
    if trusted:
        settings.append(f"correction.trusted=[{', '.join(trusted)}]")
    spec = Experiment.load(experiment, settings)

    from inklings.runs.run import RunRecord
    from inklings.tasks.train import train as trained
    from inklings.training.trainer import is_first

    trained(spec, out, resume=resume, start=start, allow_seen_test_patients=allow_seen)
    if not is_first():
        return
    record = RunRecord.read(out)
    thresholds = ", ".join(f"{value:.2f}" for value in record.thresholds)
    cut = f", threshold {thresholds}" if thresholds else ""
    typer.echo(f"{record.facts['steps']} steps in {record.seconds:.0f} s{cut} -> {out}")
