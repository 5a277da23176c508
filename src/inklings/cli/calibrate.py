"""``inklings calibrate``: what the probabilities of a run mean, and what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from inklings.cli import choosing


def calibrate(
    run: Annotated[
        Path, typer.Argument(help="Folder made by `inklings train`; with --risk also of several.")
    ],
    cohort: Annotated[
        Path,
        typer.Argument(help="Its cohort, or one of other patients; the validation part is used."),
    ],
    risk: Annotated[
        list[str] | None,
        typer.Option(
            help="Risk to bound for new patients: fnr=0.1 (missed share of the area), missed=0.1 "
            "(missed share of the objects), alarms=2 (false alarms per scan), sets=0.1 (sets "
            "of diagnoses without the true one); may be repeated."
        ),
    ] = None,
    confidence: Annotated[
        str | None,
        typer.Option(
            help="With --risk: probability that the bound holds, such as 0.9; without it, the "
            "bound holds on average."
        ),
    ] = None,
    split: Annotated[
        Literal["train", "val", "test", "all"] | None,
        typer.Option(
            help="With --risk: part of the cohort; val if left out, all of one without parts."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="With --risk: folder for the predictions; default: temporary."),
    ] = None,
    workers: choosing.WORKERS = None,
    scheduler: choosing.SCHEDULER = None,
) -> None:
    """Calibrate the probabilities of a run on held-out patients.

    Every training does this at its end. Test patients are never used, and masks do not change.
    With too few patients, or labels that do not represent their images, nothing is changed and the
    reason is printed. `inklings predict --no-calibration` leaves it out.

    With --risk, bound what is missed in new patients (RUN/guarantees.json): `inklings
    predict` then keeps the threshold of the guaranteed mask or set of diagnoses, `inklings export
    --guaranteed` cuts there, `inklings evaluate` tells whether the guarantee held. Exit code 3 if
    some class has no guarantee.
    """
    if not risk:
        _require_alone(
            confidence=confidence, split=split, out=out, workers=workers, scheduler=scheduler
        )
        _fit(run, cohort)
        return
    from inklings.evaluation.promises import parse, parse_confidence
    from inklings.library.promising import promise

    risks, sure = parse(risk), parse_confidence(confidence)
    made, code = promise(run, cohort, risks, sure, split, out, workers, scheduler)
    for one in made.guarantees:
        typer.echo(one.line)
    for line in dict.fromkeys(note for one in made.guarantees for note in one.notes):
        typer.echo(f"note: {line}", err=True)
    for line in made.refused:
        typer.echo(f"no promise: {line}", err=True)
    typer.echo(f"wrote guarantees.json to {run}")
    if code:
        raise typer.Exit(code)


def _fit(run: Path, cohort: Path) -> None:
    from inklings.calibration.record import FILE
    from inklings.reports.card import write_card
    from inklings.tasks.calibrate import calibrate as fitted
    from inklings.tasks.calibrate import lines

    found = fitted(run, cohort)
    write_card(run)
    for line in lines(found):
        typer.echo(line)
    typer.echo(f"wrote {run / FILE}, from {len(found.patients)} held-out patients")


def _require_alone(**options: object) -> None:
    from inklings.errors import SpecError

    for name, value in options.items():
        if value is not None:
            raise SpecError(f"--{name} goes with --risk, such as --risk fnr=0.1, which is missing")
