"""Where rules end, measure: short races between a plan and what it might have been.

Successive halving (Jamieson and Talwalkar 2016; Li et al. 2018) over two rounds that cost the same:
all candidates are trained for a short time, the better rival and the plan for a longer one, on
another seed. Each is scored by its mean Dice over the patients of the validation part. We differ in
that the plan's own choice is never dropped: it is what a rival has to beat, in both rounds, by
more than patients differ by chance (paired t-test, one-sided, 5 %).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.files import write_json
from inklings.planning.plan import Choice, Plan
from inklings.progress import note
from inklings.records import read_record
from inklings.spec import Experiment

SHARE = 0.25
"""Of the minutes, for all races together."""

MOST_RIVALS = 2
LEAST_STEPS = 100
"""Steps below which a race says nothing."""

LEAST_PATIENTS = 4
"""Validation patients below which their differences say nothing."""

_SURE = 0.95


@dataclass(frozen=True)
class Result:
    """What a race came to: its steps, and the Dice of each patient of the validation part."""

    steps: int
    dice: Mapping[str, float]


Race = Callable[[Experiment, Cohort, float, int], Result]
"""From an experiment, a cohort, seconds and a seed."""


@dataclass(frozen=True)
class Candidate:
    """A plan in a race.

    Attributes:
        key: The line in which it differs; empty of the plan's own choice.
        name: What it says there, in a word.
        head: Of the plan.
        choices: Of the plan.
    """

    key: str
    name: str
    head: tuple[str, ...]
    choices: tuple[Choice, ...]

    @property
    def plan(self) -> Plan:
        """Which takes part."""
        return Plan(self.head, self.choices)

    def __str__(self) -> str:
        return f"{self.key.removesuffix('[]')} {self.name}" if self.key else self.name


@dataclass(frozen=True)
class Lap:
    """One race of one candidate, by its place among them."""

    candidate: int
    seed: int
    seconds: float
    steps: int
    dice: dict[str, float]

    @property
    def mean(self) -> float:
        """Over patients."""
        return float(np.mean(list(self.dice.values())))


@dataclass(frozen=True)
class Races:
    """``*.races.json``, beside a plan.

    Attributes:
        asked: What they were run for; races for anything else are of no use.
        minutes: In all, of which a share goes into the races.
        candidates: The plan's own choice first.
        laps: In the order in which they were run.
    """

    asked: dict[str, Any]
    minutes: float
    candidates: tuple[Candidate, ...]
    laps: tuple[Lap, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Races:
        """Read it.

        Raises:
            DataError: If it is missing or damaged.
        """
        return read_record(cls, path, "races of a plan", "delete it to run them again")

    def write(self, path: Path) -> None:
        """Write it."""
        write_json(path, dataclasses.asdict(self))

    @property
    def spent(self) -> float:
        """Minutes of training."""
        return sum(lap.seconds for lap in self.laps) / 60

    @property
    def rest(self) -> float:
        """Minutes that all races leave to the training."""
        return self.minutes * (1 - SHARE)

    def of(self, candidate: int) -> list[Lap]:
        """The races of a candidate."""
        return [lap for lap in self.laps if lap.candidate == candidate]

    @property
    def rival(self) -> int | None:
        """The best of the others after the first round; None where none is ahead."""
        first = {lap.candidate: lap.mean for lap in self.laps[: len(self.candidates)]}
        best = max((k for k in first if k), key=lambda k: first[k], default=None)
        return best if best is not None and first[best] > first[0] else None

    def winner(self) -> int:
        """0, or the rival that beats the plan's own choice by more than chance."""
        rival = self.rival
        if rival is None:
            return 0
        rounds = list(zip(self.of(0), self.of(rival), strict=True))
        ahead = all(theirs.mean > own.mean for own, theirs in rounds)
        each = [
            float(np.mean([theirs.dice[who] - own.dice[who] for own, theirs in rounds]))
            for who in rounds[0][0].dice
        ]
        noise = float(np.std(each, ddof=1)) / math.sqrt(len(each))
        return rival if ahead and np.mean(each) > stdtrit(len(each) - 1, _SURE) * noise else 0

    def lines(self) -> tuple[str, ...]:
        """What came of each rival, in words."""
        won = self.winner()
        return tuple(
            f"{rival}: {self._said(k, won == k)}"
            for k, rival in enumerate(self.candidates)
            if rival.key
        )

    def _said(self, rival: int, won: bool) -> str:
        """``won .74 against .71 on 8 validation patients after 60 s, seeds 0 and 1``."""
        theirs = self.of(rival)
        own = self.of(0)[: len(theirs)]
        a, b = (float(np.mean([lap.mean for lap in laps])) for laps in (theirs, own))
        seconds = " and ".join(f"{lap.seconds:.3g}" for lap in theirs)
        seeds = " and ".join(str(lap.seed) for lap in theirs)
        verdict = "won" if won else "lost" if a <= b else "no more than chance:"
        verdict = "dropped behind a better one:" if a > b and rival != self.rival else verdict
        return (
            f"{verdict} {_dice(a)} against {_dice(b)} on {len(theirs[0].dice)} validation patients "
            f"after {seconds} s (seed {seeds})"
        )

    def plan(self) -> Plan:
        """The plan of the winner, each line that was put to the test with what came of it."""
        won = self.winner()
        plan, choices = self.candidates[won].plan, list(self.candidates[won].choices)
        for k, rival in enumerate(self.candidates):
            at = next((i for i, c in enumerate(choices) if rival.key and c.key == rival.key), None)
            if at is None:
                continue
            told = self._said(k, won == k)
            if won != k:
                told = f"{rival.name} was tried: {told}"
            choices[at] = dataclasses.replace(choices[at], reason=f"{choices[at].reason}; {told}")
        head = (
            *plan.head[:-1],
            f"Races took {self.spent:.2g} of the {self.minutes:g} minutes",
            *self.lines(),
            plan.head[-1],
        )
        plan = Plan(head, tuple(choices))
        if plan.record["training"].get("minutes") != self.rest:
            return plan  # as the user or a recipe has it
        left = round(self.minutes - self.spent, 3)
        why = f"{self.minutes:g} without the races; the learning rate follows the clock"
        return plan.replaced({"training": {"minutes": left}}, why)


def races_of(plan: Path) -> Path:
    """The file of the races of a plan, beside it."""
    return plan.with_suffix(".races.json")


def lines_of_races(plan: Path) -> tuple[str, ...]:
    """What came of the races of a plan, in words; nothing where there were none."""
    path = races_of(plan)
    return Races.read(path).lines() if path.is_file() else ()


def run_races(races: Races, race: Race, cohort: Cohort, kept: Path) -> Races:
    """Run what is not yet there; each race is written down as it ends.

    Args:
        races: Perhaps with some that are run.
        race: Runs one.
        cohort: With validation cases.
        kept: File of the races.

    Raises:
        SpecError: If a race is too short to say anything.
    """
    seconds, count = 60 * races.minutes * SHARE / 2, len(races.candidates)
    seed = races.candidates[0].plan.experiment.training.seed
    field: Sequence[int] = range(count)
    for turn in range(2):
        share = seconds / len(field)
        for k in field:
            done = next((lap for lap in races.of(k) if lap.seed == seed + turn), None)
            if done is None:
                who = races.candidates[k]
                found = race(who.plan.experiment, cohort, share, seed + turn)
                _require_said(found, share, races)
                done = Lap(k, seed + turn, round(share, 3), found.steps, dict(found.dice))
                races = dataclasses.replace(races, laps=(*races.laps, done))
                races.write(kept)
            note(
                f"race {turn + 1}: {races.candidates[k]} {_dice(done.mean)} on {len(done.dice)} "
                f"validation patients after {done.steps} steps in {done.seconds:.3g} s"
            )
        rival = races.rival
        if rival is None:
            break
        field = (0, rival)
    return races


def _require_said(found: Result, seconds: float, races: Races) -> None:
    """Refuse what is no measure.

    Raises:
        DataError: If too few patients could be scored.
        SpecError: If there were too few steps.
    """
    if len(found.dice) < LEAST_PATIENTS:
        raise DataError(
            f"--try: expected objects in at least {LEAST_PATIENTS} validation patients to judge "
            f"by, got them in {len(found.dice)}; give the split a larger share of val, or leave "
            "--try out"
        )
    if found.steps < LEAST_STEPS:
        need = races.minutes * LEAST_STEPS / max(1, found.steps)
        raise SpecError(
            f"--try: a race of {seconds:.2g} s is {found.steps} steps here, of which nothing can "
            f"be said (at least {LEAST_STEPS}); give --minutes {math.ceil(need)} or more, or leave "
            "--try out"
        )


def _dice(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")
