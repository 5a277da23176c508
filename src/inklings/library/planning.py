"""Plans for the machine at hand: what ``inklings plan`` and ``inklings train COHORT`` call."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.files import read_yaml
from inklings.inference.device import graphics_processor
from inklings.planning.budget import Budget, asked_minutes, of_processor, without_minutes
from inklings.planning.plan import Plan
from inklings.planning.planned import plan_cohort, planned_for
from inklings.planning.races import races_of
from inklings.planning.trial import Trial
from inklings.progress import note
from inklings.spec.base import seen_from
from inklings.tasks.racing import race
from inklings.tasks.rehearsal import rehearse

MINUTES = 30.0
PLAN = "plan.yaml"
"""File of a run folder that holds its plan."""

_ELSEWHERE = ("a graphics processor elsewhere", 8 << 30)
_UNITS = {"M": 2**20, "G": 2**30}


def plan(
    cohort: str | Path,
    *,
    minutes: float | None = None,
    memory: str | None = None,
    device: str | None = None,
    recipe: str | None = None,
    changes: Sequence[str] = (),
    races: Path | None = None,
) -> Plan:
    """The experiment for a cohort and this machine, with a reason for every line.

    Args:
        cohort: Folder made by `inklings import`; one without a split gets one.
        minutes: Of training; 30 unless they are said, here or by ``changes``.
        memory: To use at most, ``8GB``; half of what is free unless it is said.
        device: ``cpu`` or ``gpu``; what there is, unless it is said.
        recipe: Name of a recipe whose lines go before those of the plan.
        changes: ``key.key=value`` each; they go before both.
        races: File of short trainings that put to the test where rules are unsure, made here for
            a quarter of the minutes; what is in it is not run again. None for none.

    Raises:
        DataError: If there is nothing to plan for, or a file cannot be read.
        SpecError: If an option is impossible, the lines do not go together, or races can say
            nothing.
    """
    said = asked_minutes(minutes, changes)
    asked = budget(MINUTES if said is None else said, memory, device)
    here = bool(asked.gpu) == (graphics_processor() is not None)
    if races is not None and not here:
        raise SpecError("--try: expected the device of this machine, got another; leave it out")
    trial = Trial(race, races) if races is not None else None
    changes = changes if trial is None else without_minutes(changes)
    return plan_cohort(Path(cohort), asked, recipe, changes, rehearse if here else None, trial)


def needs(cohort: str | Path) -> tuple[str, ...]:
    """What half an hour of training on a cohort would need of this machine; nothing is written.

    Raises:
        DataError: If the cohort has no split, or a file cannot be read.
        SpecError: If memory or disk are not enough.
    """
    if not Cohort.read(Path(cohort)).is_split:
        raise DataError(f"{cohort}: expected a cohort with a split; 'inklings split' makes one")
    return plan(cohort).head[:-1]


def plan_of_run(
    cohort: Path,
    out: Path,
    *,
    minutes: float | None = None,
    recipe: str | None = None,
    changes: Sequence[str] = (),
    races: bool = False,
) -> Path:
    """The file of the plan in a run folder; it is made once, so that the same training goes on.

    Raises:
        DataError: As `plan`.
        SpecError: As `plan`, or if a plan is there for another cohort, other minutes or a recipe
            that it does not have, or races that it has not had. What ``changes`` say goes before
            its lines in the training.
    """
    path = out / PLAN
    if path.is_file():
        _require_same(path, cohort, minutes, recipe)
        if races and not races_of(path).is_file():
            raise SpecError(
                f"{path} was planned without --try; choose another --out, or delete it to plan anew"
            )
        note(f"{path}: using this plan; delete it to plan again")
        return path
    kept = races_of(path) if races else None
    how = plan(cohort, minutes=minutes, recipe=recipe, changes=changes, races=kept)
    rows = [
        dataclasses.replace(line, value=str(seen_from(out, cohort)))
        if line.key == "cohort"
        else line
        for line in how.choices
    ]
    how = dataclasses.replace(how, choices=tuple(rows))
    how.write(path)
    for line in how.head[:-1]:
        note(f"plan: {line}")
    note(f"plan: {len(how.choices)} lines, each with its reason -> {path}")
    return path


def _require_same(path: Path, cohort: Path, minutes: float | None, recipe: str | None) -> None:
    """Refuse to go on with a plan for something else.

    Raises:
        SpecError: If what is asked is not what the plan was made for, as its head says it.
    """
    anew = "choose another --out, or delete it to plan anew"
    plan = read_yaml(path, "a plan")
    named = plan.get("cohort") if isinstance(plan, dict) else None
    if cohort.resolve() not in ((path.parent / str(named)).resolve(), Path(str(named)).resolve()):
        raise SpecError(f"{path} is a plan for the cohort {named}, not for {cohort}; {anew}")
    told = planned_for(path.read_text(encoding="utf-8"))
    if told is None:  # its owner has taken the line out
        return
    before, by = told
    if minutes is not None and f"{minutes:g}" != before:
        raise SpecError(f"{path} is a plan for {before} minutes, not for {minutes:g}; {anew}")
    if recipe is not None and recipe != by:
        has = f"has the recipe {by}" if by else "has no recipe"
        raise SpecError(f"{path} {has}, and not {recipe}; {anew}")


def budget(minutes: float, memory: str | None = None, device: str | None = None) -> Budget:
    """Minutes on this machine, or on what is said of another.

    Raises:
        SpecError: If an option is impossible.
    """
    if device not in (None, "cpu", "gpu"):
        raise SpecError(f"--device: expected cpu or gpu, got {device!r}")
    most = None if memory is None else _bytes(memory)
    found = None if device == "cpu" else graphics_processor()
    if found is None and device == "gpu":
        note("there is no GPU here: planned for one with 8 GB")
        found = _ELSEWHERE
    if found is None:
        return of_processor(minutes, most)
    name, own = found
    stated = most is not None
    return Budget(minutes, 1, most or own // 2, bf16=True, gpu=name, stated=stated)


def _bytes(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MG])i?B?", text.strip(), re.IGNORECASE)
    if found is None or not float(found[1]):
        raise SpecError(f"--memory: expected a size such as 8GB, got {text!r}")
    return int(float(found[1]) * _UNITS[found[2].upper()])
