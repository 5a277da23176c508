"""``inklings study``: what weak labels cost, and what each learner wins back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inklings.cli import choosing


def study(
    cohort: Annotated[Path, typer.Argument(help="Cohort with full masks, split.")],
    out: Annotated[Path, typer.Option(help="Folder of the study.")],
    weakness: Annotated[
        list[str] | None,
        typer.Option(help="full, drop:keep=0.25, box, drop:keep=0.5+dilate:pixels=4, ..."),
    ] = None,
    learner: Annotated[
        list[str] | None,
        typer.Option(help="naive, inklings, nnpu-true, nnpu-estimated, upu-true, vpu."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds of naive and inklings.")] = 3,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace one value: training.steps=200; may be repeated."),
    ] = None,
    workers: choosing.WORKERS = None,
    scheduler: choosing.SCHEDULER = None,
) -> None:
    """Compare learners on weak labels of every kind: one table, one figure, resumable."""
    from inklings.benchmark.label_study import LabelStudyPlan, default_experiment, summary
    from inklings.benchmark.label_study import study as run
    from inklings.reports.study import study_report

    options = {"weaknesses": weakness, "learners": learner}
    plan = LabelStudyPlan(seeds=seeds, **{k: tuple(v) for k, v in options.items() if v})
    rows = run(cohort, out, plan, default_experiment(changes or []), workers, scheduler)
    report = study_report(out)
    typer.echo(f"{'weakness':32}{'label':>7}{'naive':>8}{'inklings':>16}{'oracle':>8}{'gap':>7}")
    for line in summary(rows):
        gap = "" if line.gap != line.gap else f"{line.gap:.0%}"
        typer.echo(
            f"{line.weakness:32}{line.label_dice:7.3f}{line.naive:8.3f}"
            f"{line.corrected:9.3f} ± {line.spread:.3f}{line.oracle:8.3f}{gap:>7}"
        )
    typer.echo(f"{len(rows)} runs -> {out / 'study.csv'}, {report}")
