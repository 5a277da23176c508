"""A plan put to the test: which lines, whether they can be judged, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inklings.cohorts.cohort import Cohort
from inklings.errors import InklingsError, SpecError
from inklings.planning.doubts import Doubt, doubts
from inklings.planning.fingerprint import CohortFingerprint, is_drawn
from inklings.planning.plan import ASKED, Plan
from inklings.planning.races import (
    LEAST_PATIENTS,
    MOST_RIVALS,
    SHARE,
    Candidate,
    Race,
    Races,
    run_races,
)
from inklings.progress import note

PlanOf = Callable[[CohortFingerprint, float, bool], Plan]
"""The plan for what was seen and so many minutes, rehearsed or not."""


@dataclass(frozen=True)
class Trial:
    """How a plan is put to the test.

    Attributes:
        race: Trains a candidate for a while, and scores it.
        kept: File of the races; those that are in it are not run again.
    """

    race: Race
    kept: Path


def tried(
    trial: Trial,
    asked: dict[str, Any],
    minutes: float,
    cohort: Cohort,
    seen: CohortFingerprint | None,
    plan_of: PlanOf,
) -> Plan:
    """The plan, or what it might have been, where that wins its races.

    Args:
        trial: How.
        asked: What is planned for; races for anything else are not gone on with.
        minutes: In all.
        cohort: With a split.
        seen: Of drawn labels; None of other tasks.
        plan_of: Makes a plan.

    Raises:
        DataError: If too few patients could be scored.
        SpecError: If nothing can be said by races.
    """
    seen = _judged(cohort, seen)
    races = Races.read(trial.kept) if trial.kept.is_file() else None
    if races is not None and races.asked != asked:
        note(f"{trial.kept}: these comparisons were for other settings and are run again")
        races = None
    if races is None:
        races = Races(asked, minutes, tuple(_candidates(seen, minutes, plan_of)))
    elif races.laps:
        note(f"{trial.kept}: {len(races.laps)} comparisons exist; delete it to run them again")
    if len(races.candidates) == 1:
        races.write(trial.kept)
        note("--try: no line of the plan is uncertain, so all minutes go to the training")
        return plan_of(seen, minutes, True)
    races = run_races(races, trial.race, cohort, trial.kept)
    for line in races.lines():
        note(f"--try: {line}")
    return races.plan()


def _judged(cohort: Cohort, seen: CohortFingerprint | None) -> CohortFingerprint:
    """Raise SpecError unless complete masks of enough validation patients are there."""
    if seen is None:
        raise SpecError("--try: expected drawn labels, got bags or places; leave --try out")
    if seen.kind != "exact":
        raise SpecError(
            f"--try: expected complete masks, by which races can be judged, got labels that are "
            f"{seen.kind}; leave --try out"
        )
    patients = {case.patient for case in cohort.part("val") if is_drawn(case)}
    if len(patients) < LEAST_PATIENTS:
        raise SpecError(
            f"--try: expected at least {LEAST_PATIENTS} validation patients with labels to judge "
            f"by, got {len(patients)}; give the split a larger share of val, as 'inklings split "
            f"{cohort.folder} --fractions 0.6 0.2 0.2' does, or leave --try out"
        )
    return seen


def _candidates(seen: CohortFingerprint, minutes: float, plan_of: PlanOf) -> Iterator[Candidate]:
    """The plan's own choice, and what it might have been."""
    rest = minutes * (1 - SHARE)
    plain = plan_of(seen, rest, False)
    found = [doubt for doubt in doubts(seen) if _is_open(plain, doubt)][:MOST_RIVALS]
    own = plan_of(seen, rest, True) if found else plain
    yield Candidate("", "the plan's own choice", own.head, own.choices)
    for doubt in found:
        try:
            rival = plan_of(doubt.seen, rest, True)
        except InklingsError as error:
            note(f"--try: {doubt.key} {doubt.name} takes no part: {error}")
            continue
        yield Candidate(doubt.key, doubt.name, rival.head, rival.choices)


def _is_open(plan: Plan, doubt: Doubt) -> bool:
    """Whether a line is the plan's, and not as the user or a recipe has it."""
    reasons = [choice.reason for choice in plan.choices if choice.key == doubt.key]
    return bool(reasons) and not any(
        reason.endswith(ASKED) or reason.startswith("recipe ") for reason in reasons
    )
