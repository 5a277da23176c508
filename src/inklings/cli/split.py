"""``inklings split``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def split(
    cohort: Annotated[Path, typer.Argument(help="Folder made by 'inklings import'.")],
    fractions: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="Shares of train, val and test; default: 0.7 0.1 0.2."),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Number of folds, for cross-validation.")
    ] = None,
    fold: Annotated[
        int | None, typer.Option(help="Number of the test fold, from 0; the next fold is val.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed; default: 0.")] = None,
    stratify: Annotated[
        str | None,
        typer.Option(help="Metadata column to balance over the parts; default: modality."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            help="A published split: a table (CSV) with columns case or patient, and part; or "
            "fold, with --fold."
        ),
    ] = None,
    ignore_duplicates: Annotated[
        bool,
        typer.Option(
            "--ignore-duplicates",
            help="Let duplicates and crops of one field fall into different parts.",
        ),
    ] = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Replace an existing split, also one that came with the data."
        ),
    ] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            help="Exclude a case from the cohort (kept in excluded.json); may be repeated."
        ),
    ] = None,
) -> None:
    """Split a cohort into train, val and test; patients and groups stay together.

    Duplicates and crops of one field (see 'inklings check') stay together. With --exclude alone,
    a cohort that is split already keeps its split.
    """
    from inklings.cohorts.split_files import exclude as take_out
    from inklings.cohorts.split_files import split_cohort
    from inklings.cohorts.split_text import text
    from inklings.cohorts.splits import SplitOptions
    from inklings.errors import SpecError
    from inklings.progress import note

    if fractions is not None and folds is not None:
        raise SpecError("expected --fractions or --folds, got both; leave one out")
    dealt = {"--fractions": fractions, "--folds": folds, "--seed": seed, "--stratify": stratify}
    idle = [name for name, value in dealt.items() if value is not None]
    if table is not None and idle:
        raise SpecError(f"expected --table or {idle[0]}, got both; the table is the split")
    if fold is not None and folds is None and table is None:
        raise SpecError("expected --folds beside --fold, got --fold alone; add --folds 5")
    chosen = 0 if table else fold or 0
    options = SplitOptions(fractions or (0.7, 0.1, 0.2), folds, chosen, seed or 0, stratify)
    if exclude:
        left = take_out(cohort, exclude)
        note(f"{len(set(exclude))} cases excluded, {len(left)} left; see {cohort}/excluded.json")
        if left.is_split and (fractions, folds, seed, stratify, table) == (None,) * 5:
            typer.echo(f"the others keep their split, now of hash {left.split_hash}")
            return
    published = None if table is None else (table, fold)
    outcome = split_cohort(cohort, options, ignore_duplicates, replace, published)
    if outcome.replaced:
        note(
            f"this replaces split {outcome.replaced}: runs and evaluations made with it do not "
            "belong to this cohort any more"
        )
    if outcome.kept:
        note(f"{outcome.kept} cases keep the part that came with the data; the others were split")
    if outcome.spoiled:
        note(f"{len(outcome.spoiled)} cases would spoil a training: inklings check {cohort}")
    typer.echo(text(outcome))
    note(f"wrote split.json and the split column of cases.parquet in {cohort}")
