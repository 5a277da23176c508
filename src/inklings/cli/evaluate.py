"""``inklings evaluate``."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated, Literal

import typer

from inklings.cli import choosing

_FAILED = 3


def evaluate(
    predictions: Annotated[
        Path,
        typer.Argument(
            help="Folder written by 'inklings predict', or a table of findings (a submission)."
        ),
    ],
    cohort: Annotated[Path | None, typer.Option(help="The cohort that was predicted.")] = None,
    split: Annotated[
        Literal["test", "val", "train", "all"] | None,
        typer.Option(
            help="Split to score; default: test, or all cases of a cohort without split and of a "
            "cross-validation."
        ),
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="Other predictions of the same cases: a paired test.")
    ] = None,
    dense: Annotated[
        Path | None,
        typer.Option(
            help="A cohort of the same cases with complete references, scored beside strokes and "
            "other partial ones."
        ),
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Only this metric; repeat for several.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Scores of groups, too: columns of the metadata of cases, such as stain,site."
        ),
    ] = None,
    empty: Annotated[
        Literal["one", "skip"] | None,
        typer.Option(help="Score of a case whose two masks are empty; default: one."),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0, help="Tolerance of the boundary Dice, in the unit of the distances; default: 2."
        ),
    ] = None,
    resamples: Annotated[
        int, typer.Option(min=2, help="Bootstrap resamples of the patients.")
    ] = 2000,
    seed: Annotated[int, typer.Option(help="Random seed of the bootstrap.")] = 0,
    allow_seen: Annotated[
        bool,
        typer.Option("--allow-seen", help="Also score patients that the run was trained on."),
    ] = False,
    workers: choosing.WORKERS = None,
    scheduler: choosing.SCHEDULER = None,
    froc: Annotated[bool, typer.Option("--froc", help="Accept findings only (FROC, CPM).")] = False,
    annotations: Annotated[
        Path | None, typer.Option(help="Findings, instead of --cohort: annotations.csv.")
    ] = None,
    excluded: Annotated[
        Path | None, typer.Option(help="With --annotations: annotations_excluded.csv.")
    ] = None,
    series: Annotated[
        Path | None, typer.Option(help="With --annotations: seriesuids.csv, all scans.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder for the scores; default: the predictions' folder."
        ),
    ] = None,
    diameter: Annotated[
        bool,
        typer.Option(
            "--diameter",
            help="annotations_with_malignancy.csv: malignancy predicted from the diameter alone.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Rows as JSON on standard output.")] = False,
) -> None:
    """Score predictions against the reference standard, with 95 % intervals over patients.

    Images, slides, bags and findings are recognised by what the folder holds.
    """
    from inklings.applications.lung_nodules.luna import from_tables
    from inklings.errors import SpecError
    from inklings.evaluation.evaluate import evaluate as score
    from inklings.evaluation.evaluate import source
    from inklings.evaluation.family import Settings
    from inklings.evaluation.intervals import Bootstrap
    from inklings.progress import note

    for given, kind, option in ((froc, "findings", "--froc"), (diameter, "ratings", "--diameter")):
        if given and (there := source(predictions).kind) != kind:
            raise SpecError(f"{option}: expected {kind}, got {there} in {predictions}")
    if cohort and annotations:
        raise SpecError("expected --cohort or --annotations, got both")
    if (excluded or series) and not annotations:
        raise SpecError("--excluded and --series go with --annotations, which is missing")
    columns = tuple(dict.fromkeys(name.strip() for name in (by or "").split(",") if name.strip()))
    if by is not None and not columns:
        raise SpecError(f"--by: expected columns of the metadata, got {by!r}")
    settings = Settings(
        split=split,
        metrics=tuple(metric) if metric else None,
        allow_seen=allow_seen,
        empty=empty,
        tolerance=tolerance,
        bootstrap=Bootstrap(resamples, seed),
        workers=workers,
        scheduler=scheduler,
        by=columns,
    )
    tables = from_tables(annotations, excluded, series) if annotations else None
    scores = score(predictions, cohort or tables, settings, compare, dense)
    typer.echo(dumps(scores.records(), indent=1) if json else scores.text())
    folder = out or (predictions if predictions.is_dir() else None)
    if folder:
        paths = scores.write(folder)
        if "froc.csv" in scores.files:
            from inklings.reports.froc import froc_picture

            paths = (*paths, froc_picture(scores, folder / "froc.png"))
        if "roc.csv" in scores.files:
            from inklings.reports.roc import roc_picture

            paths = (*paths, roc_picture(scores.files["roc.csv"], folder / "roc.png"))
        note(f"wrote {', '.join(path.name for path in paths)} to {folder}")
    if scores.head.get("failed"):
        raise typer.Exit(_FAILED)
