"""``inklings evaluate``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

_FAILED = 3


def evaluate(
    predictions: Annotated[
        Path, typer.Argument(help="Folder written by 'inklings predict'; --froc: or a submission.")
    ],
    cohort: Annotated[Path | None, typer.Option(help="The cohort that was predicted.")] = None,
    split: Annotated[
        Literal["test", "val", "train", "all"],
        typer.Option(help="Which part is scored; all where the cohort has no splits."),
    ] = "test",
    compare: Annotated[
        Path | None, typer.Option(help="Other predictions of the same cases: a paired test.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Only this metric; repeat for several.")
    ] = None,
    empty: Annotated[
        Literal["one", "skip"],
        typer.Option(help="What a case counts where prediction and truth are both empty."),
    ] = "one",
    tolerance: Annotated[
        float, typer.Option(min=0, help="For the boundary Dice, in the unit of the distances.")
    ] = 2.0,
    resamples: Annotated[int, typer.Option(min=2, help="Of the bootstrap over patients.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    allow_seen: Annotated[
        bool, typer.Option("--allow-seen", help="Score also patients that the run learnt from.")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 for one per core.")] = 0,
    scheduler: Annotated[
        str | None, typer.Option(help="Slides: address of a Dask scheduler, instead of processes.")
    ] = None,
    froc: Annotated[
        bool, typer.Option("--froc", help="Nodules, by the rules of LUNA16: FROC and CPM.")
    ] = False,
    annotations: Annotated[
        Path | None, typer.Option(help="With --froc, instead of --cohort: annotations.csv.")
    ] = None,
    excluded: Annotated[
        Path | None, typer.Option(help="With --annotations: annotations_excluded.csv.")
    ] = None,
    series: Annotated[
        Path | None, typer.Option(help="With --annotations: seriesuids.csv, all scans.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="With --froc: folder for froc.json, .csv, .png."),
    ] = None,
    diameter: Annotated[
        bool,
        typer.Option(
            "--diameter", help="Of annotations_with_malignancy.csv: what the diameter alone tells."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Rows as JSON on standard output.")] = False,
) -> None:
    """Score predictions against the reference standard, with 95 % intervals over patients."""
    from inklings.errors import SpecError

    if diameter:
        _diameter(predictions, (resamples, seed), json)
        return
    if froc:
        _froc(predictions, cohort, split, compare, (annotations, excluded, series), out,
              (resamples, seed), json)  # fmt: skip
        return
    if cohort is None:
        raise SpecError("expected --cohort, the cohort that was predicted")
    from inklings.evaluation.bags import evaluate_bags
    from inklings.evaluation.folders import Settings
    from inklings.evaluation.folders import evaluate as score
    from inklings.evaluation.intervals import Bootstrap
    from inklings.evaluation.metric import Options
    from inklings.evaluation.slides import evaluate_slides
    from inklings.evaluation.table import dump
    from inklings.predictions.folder import PredictionFolder
    from inklings.progress import note

    settings = Settings(
        split=split,
        metrics=tuple(metric) if metric else None,
        allow_seen=allow_seen,
        options=Options(empty=empty, tolerance=tolerance),
        bootstrap=Bootstrap(resamples, seed),
        workers=workers or min(8, os.cpu_count() or 1),
        scheduler=scheduler,
    )
    there = PredictionFolder.open(predictions)
    images = evaluate_slides if there.slides else score
    way = evaluate_bags if there.kind == "bags" else images
    table = way(predictions, cohort, settings, compare)
    paths = table.write(predictions)
    typer.echo(dump(table) if json else table.text())
    note(f"wrote {', '.join(path.name for path in paths)} to {predictions}")
    if table.head.get("failed"):
        raise typer.Exit(_FAILED)


def _froc(
    marks: Path,
    cohort: Path | None,
    split: str,
    compare: Path | None,
    tables: tuple[Path | None, Path | None, Path | None],
    out: Path | None,
    bootstrap: tuple[int, int],
    as_json: bool,
) -> None:
    """Score findings or a submission by the rules of LUNA16."""
    import json as formatter

    from inklings.applications.lung_nodules.luna import from_tables
    from inklings.errors import SpecError
    from inklings.evaluation.froc_table import froc as score
    from inklings.evaluation.froc_table import from_cohort, read_marks, unread
    from inklings.evaluation.intervals import Bootstrap
    from inklings.progress import note

    annotations, excluded, series = tables
    if (cohort is None) == (annotations is None):
        raise SpecError("--froc: expected --cohort or --annotations, one of the two")
    if cohort is not None:
        reference = from_cohort(cohort, split)
    else:
        assert annotations is not None
        reference = from_tables(annotations, excluded, series)
    if missing := unread(marks, reference):
        note(
            f"warning: {len(missing)} of {len(reference.cases)} scans have no findings "
            f"({', '.join(missing[:3])}); what lies there counts as missed"
        )
    head = {"marks": str(marks), "reference": str(cohort or annotations), "other": str(compare)}
    other = read_marks(compare) if compare else None
    table = score(read_marks(marks), reference, Bootstrap(*bootstrap), other, head)
    typer.echo(formatter.dumps(table.record(), indent=2) if as_json else table.text())
    folder = out or (marks if marks.is_dir() else None)
    if folder:
        from inklings.reports.froc import froc_picture

        paths = (*table.write(folder), froc_picture(table, folder / "froc.png"))
        note(f"wrote {', '.join(path.name for path in paths)} to {folder}")


def _diameter(table: Path, bootstrap: tuple[int, int], as_json: bool) -> None:
    """How well the diameter alone tells malignant nodules from benign ones."""
    import dataclasses
    import json as formatter

    from inklings.applications.lung_nodules.malignancy import diameter_baseline
    from inklings.datasets.luna_tables import read_malignancy
    from inklings.evaluation.intervals import Bootstrap

    found = diameter_baseline(read_malignancy(table), Bootstrap(*bootstrap))
    if as_json:
        typer.echo(formatter.dumps(dataclasses.asdict(found), indent=2))
        return
    area = found.area
    typer.echo(
        f"{found.nodules} nodules, {found.malignant} malignant; the label is not that of the rule "
        f"(two readers say 4 or more) in {found.against_rule} rows"
    )
    typer.echo(
        f"AUC of the diameter alone {area.value:.4f} (95 % interval {area.low:.4f} to "
        f"{area.high:.4f} over scans); {found.reference:.4f} by the reference's 100 thresholds"
    )
