"""``inklings train``: from a cohort, an experiment file or a recipe to a run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def train(
    experiment: Annotated[
        str,
        typer.Argument(
            metavar="COHORT-OR-FILE",
            help="A cohort (planned first), an experiment file, or the name of a recipe.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    minutes: Annotated[
        float | None, typer.Option(help="Minutes of training; default: 30, when a cohort is given.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="When a cohort is given: a recipe that overrides the plan.")
    ] = None,
    races: Annotated[
        bool,
        typer.Option(
            "--try",
            help="When a cohort is given: compare options where the rules of the plan are unsure, "
            "in a quarter of the minutes.",
        ),
    ] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace one value: training.steps=100; may be repeated."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume an interrupted training.")
    ] = False,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Give the same weights in every run; slower.")
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option("--from", help="Start from the weights of a run or a checkpoint file."),
    ] = None,
    trusted: Annotated[
        list[str] | None,
        typer.Option(
            help="A case with exact outlines, an example for the correction; may be repeated."
        ),
    ] = None,
    allow_seen: Annotated[
        bool,
        typer.Option(
            "--allow-seen-test-patients",
            help="Train although the weights have already seen patients of the test part.",
        ),
    ] = False,
) -> None:
    """Train on a cohort, or by an experiment file or recipe; --resume resumes a training."""
    from inklings.spec import Experiment

    settings = list(changes or [])
    experiment = planned(experiment, out, minutes, recipe, settings, races)
    if deterministic:
        settings.append("training.deterministic=true")
    if trusted:
        settings.append(f"correction.trusted=[{', '.join(trusted)}]")
    spec = Experiment.load(experiment, settings)

    from inklings.machine import since_start
    from inklings.planning.races import lines_of_races
    from inklings.runs.run import RunRecord
    from inklings.tasks.train import train as trained
    from inklings.training.trainer import is_first

    start_up = since_start()
    trained(
        spec,
        out,
        resume=resume,
        start=start,
        allow_seen_test_patients=allow_seen,
        races=lines_of_races(Path(experiment)),
    )
    if not is_first():
        return
    from inklings.reports.card import write_card

    record = RunRecord.read(out)
    thresholds = ", ".join(f"{value:.2f}" for value in record.thresholds)
    cut = f", threshold {thresholds}" if thresholds else ""
    spent, total = dict(record.facts.get("times", {})), since_start()
    if spent and start_up + sum(spent.values()) <= total + 1:  # else it was finished before
        parts = {"start": start_up, **spent}
        said = f"{total:.0f} s ({', '.join(f'{k} {v:.0f}' for k, v in parts.items())})"
    else:
        said = f"{record.seconds:.0f} s"
    write_card(out)
    typer.echo(f"{record.facts['steps']} steps in {said}{cut} -> {out}")


def planned(
    source: str,
    out: Path,
    minutes: float | None,
    recipe: str | None,
    settings: list[str],
    races: bool = False,
) -> str:
    """The experiment that is meant: of a cohort its plan, which is made once and kept in ``out``.

    Args:
        source: A cohort, a file, or the name of a recipe.
        out: Folder of the run or of the cross-validation.
        minutes: Of training; added to the settings.
        recipe: Whose lines go before those of a plan.
        settings: ``key.key=value`` of the user.
        races: Whether a plan is put to the test.
    """
    from inklings.errors import SpecError
    from inklings.planning.budget import asked_minutes, without_minutes

    minutes = asked_minutes(minutes, settings)
    if _is_cohort(source, settings):
        cohort = source
        from inklings.library.planning import plan_of_run
        from inklings.planning.races import races_of

        how = {"recipe": recipe, "changes": settings, "races": races}
        path = plan_of_run(Path(source), out, minutes=minutes, **how)  # type: ignore[arg-type]
        source = str(path)
        settings.append(f"cohort={json.dumps(cohort)}")
        if races_of(path).is_file():  # the plan has what they have left of the minutes
            settings[:] = without_minutes(settings)
            return source
    elif recipe is not None or races:
        what = "--try" if races else "--recipe"
        raise SpecError(f"{what}: expected a cohort beside it, got {source}; leave it out")
    if minutes is not None:
        settings.append(f"training.minutes={minutes}")
    return source


def _is_cohort(source: str, changes: list[str]) -> bool:
    """Whether a cohort is meant: also where a recipe has its name, unless a cohort is given it."""
    if not (Path(source) / "cohort.yaml").is_file():
        return False
    from inklings import progress, recipes

    if source not in recipes.names():
        return True
    given = any(change.startswith("cohort=") for change in changes)
    what = "recipe" if given else "cohort in this folder"
    progress.note(f"{source} is the {what}; to use the other, give ./{source} or --set cohort=")
    return not given
