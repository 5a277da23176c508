"""``inklings import mnist-bags``, ``mil-table`` and ``features``: cohorts of bags."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from inklings.cli import guarded

if TYPE_CHECKING:
    from inklings.cases.cohort import Cohort

_OUT = typer.Option("--out", "-o", help="New cohort folder.")


def mnist_bags(
    source: Annotated[
        str,
        typer.Argument(
            help="Folder with MNIST's idx files, or with a folder of pictures for each class; "
            "'digits' needs no file."
        ),
    ],
    out: Annotated[Path, _OUT],
    target: Annotated[
        str, typer.Option(help="The digit, or the class, that makes a bag positive.")
    ] = "1",
    size: Annotated[
        str, typer.Option(help="3-7: evenly from 3 to 7; 10~2: normal, mean 10, spread 2.")
    ] = "3-7",
    bags: Annotated[
        tuple[int, int, int],
        typer.Option(help="Of train, val and test; -1 for as many as there are digits for."),
    ] = (-1, -1, -1),
    positives: Annotated[
        Literal["natural", "balanced"], typer.Option(help="Share of positive bags.")
    ] = "natural",
    positives_a_bag: Annotated[
        int | None, typer.Option(min=1, help="Exactly so many digits in a positive bag.")
    ] = None,
    draw: Annotated[
        Literal["once", "again", "loader", "balanced_loader"],
        typer.Option(
            help="Each digit in one bag, or drawn with replacement; or as the public loaders of "
            "Ilse 2018 do."
        ),
    ] = "once",
    parts: Annotated[
        tuple[float, float, float],
        typer.Option(help="Digits for train, val and test: shares, or numbers above one."),
    ] = (0.7, 0.1, 0.2),
    seed: Annotated[int, typer.Option(min=0, help="Decides all chance.")] = 0,
    test_seed: Annotated[
        int | None, typer.Option(min=0, help="Of the test bags, to share them between seeds.")
    ] = None,
) -> None:
    """Bags of labelled pictures: is there a certain digit among them? None is in two parts."""
    from inklings.datasets.mnist_bags import Plan
    from inklings.datasets.mnist_bags import mnist_bags as write

    plan = Plan(target, size, bags, positives, draw, parts, seed, test_seed, positives_a_bag)
    _say(write(source, out, plan), out)


def mil_table(
    path: Annotated[Path, typer.Argument(help="npz with X, y and bag, or a CSV.")],
    out: Annotated[Path, _OUT],
    bag: Annotated[str, typer.Option(help="CSV: column of the bag.")] = "bag",
    label: Annotated[str, typer.Option(help="CSV: column of its label.")] = "label",
    instance: Annotated[
        str | None, typer.Option(help="CSV: labels of instances, kept apart for evaluation.")
    ] = None,
    patient: Annotated[str | None, typer.Option(help="CSV: column of the patient.")] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="CSV: a column that is no feature; repeat.")
    ] = None,
    class_: Annotated[
        str, typer.Option("--class", help="Name of the class where labels are 0 and 1.")
    ] = "positive",
    ordered: Annotated[
        bool, typer.Option("--ordered", help="Several classes are grades, in order.")
    ] = False,
) -> None:
    """Rows of a table as instances of bags: MUSK, Elephant, or your own."""
    from inklings.datasets.mil_table import Columns
    from inklings.datasets.mil_table import mil_table as write

    columns = Columns(bag, label, instance, patient, tuple(ignore or ()))
    _say(write(path, out, columns, class_, ordered), out)


def features(
    folder: Annotated[Path, typer.Argument(help="Files of features (HDF5), one a slide.")],
    table: Annotated[Path, typer.Argument(help="CSV with a row for each slide.")],
    out: Annotated[Path, _OUT],
    slide: Annotated[str, typer.Option(help="Column of the slide.")] = "slide",
    label: Annotated[
        list[str] | None, typer.Option(help="Column of the label; repeat for several questions.")
    ] = None,
    patient: Annotated[
        str | None, typer.Option(help="Column of the patient, whose slides are one bag.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Column with train, val, test.")] = None,
    ordered: Annotated[
        bool, typer.Option("--ordered", help="The classes are grades, in order.")
    ] = False,
) -> None:
    """Features of slides, by inklings embed, CLAM, TRIDENT or STAMP; read where they lie."""
    from inklings.datasets.feature_bags import Names, feature_bags

    names = Names(slide, tuple(label or ["label"]), patient, split)
    _say(feature_bags(folder, table, out, names, ordered), out)


def leaked_instances(
    cohort: Annotated[Path, typer.Argument(help="Cohort of bags whose instances have labels.")],
    out: Annotated[Path, _OUT],
) -> None:
    """LEAKS LABELS: every instance a bag of its own, with its true label, for comparison.

    The reference pretrains its encoder like this. Runs that begin with such weights say so.
    """
    from inklings.pipelines.leaked_instances import leak_instance_labels

    _say(leak_instance_labels(cohort, out), out)


def register(app: typer.Typer) -> None:
    """Add the commands to ``inklings import``."""
    app.command("mnist-bags")(guarded(mnist_bags))
    app.command("mil-table")(guarded(mil_table))
    app.command("features")(guarded(features))
    app.command("leaked-instances")(guarded(leaked_instances))


def _say(cohort: Cohort, out: Path) -> None:
    """One line: how many bags of each class, how large."""
    from collections import Counter

    from inklings.bags.store import spans
    from inklings.bags.task import presence

    sizes = sorted(sum(map(len, spans(case))) for case in cohort)
    held = Counter[str]()
    for case in cohort:
        for name, there in zip(cohort.classes, presence(case, cohort.classes), strict=True):
            held[name] += int(there == 1)
    parts = Counter(case.split or "not split" for case in cohort)
    typer.echo(
        f"{len(cohort)} bags of {sizes[0]} to {sizes[-1]} instances ({sum(sizes)} in all; "
        + ", ".join(f"{name} in {held[name]}" for name in cohort.classes)
        + "; "
        + ", ".join(f"{count} {part}" for part, count in parts.items())
        + f") -> {out}"
    )
