"""The plan of a cohort: the one function behind ``inklings plan`` and ``inklings train COHORT``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings import recipes
from inklings.cohorts.bags import is_bag
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.split_files import split_cohort
from inklings.cohorts.split_text import thin_parts
from inklings.cohorts.splits import SplitOptions
from inklings.errors import DataError, SpecError
from inklings.planning import bags as of_bags
from inklings.planning import detection as of_places
from inklings.planning.budget import Budget
from inklings.planning.fingerprint import CohortFingerprint, fingerprint
from inklings.planning.forecast import Rehearse, rehearsed
from inklings.planning.plan import Choice, Plan, with_changes
from inklings.planning.segmentation import segmentation
from inklings.planning.trial import Trial, tried
from inklings.progress import note

_PLANNED = re.compile(
    r"^# Planned by 'inklings plan' for (\S+) minutes? of .*?(?:, recipe (\w+))?\.$", re.MULTILINE
)


def plan_cohort(
    folder: Path,
    budget: Budget,
    recipe: str | None = None,
    changes: Sequence[str] = (),
    rehearse: Rehearse | None = None,
    trial: Trial | None = None,
) -> Plan:
    """Choose everything from what the training cases are and what the training may cost.

    A cohort without a split gets one, which is noted and written beside it.

    Args:
        folder: A cohort.
        budget: Minutes and machine.
        recipe: Name of a recipe whose lines go before those of the plan.
        changes: ``key.key=value`` of the user, which go before both.
        rehearse: Takes a few steps, by which the plan is set right and its costs are forecast.
        trial: Puts to the test where rules are unsure; a share of the minutes goes into that.

    Raises:
        DataError: If there is nothing to plan for, or a file cannot be read.
        SpecError: If changes and plan do not go together, it does not fit the machine, or races
            can say nothing.
    """
    own: Mapping[str, Any] = {}
    if recipe is not None:
        own = {k: v for k, v in recipes.record(recipe).items() if v != recipes.OPEN}

    def asked(plan: Plan) -> Plan:
        return with_changes(plan.replaced(own, f"recipe {recipe}"), changes)

    wanted = asked(Plan((), ())).record
    cohort = _split(folder)
    seen = _seen(cohort, wanted)
    given = Choice("cohort", str(folder), "")

    def plan_of(seen: _Seen, budget: Budget, rehearse: Rehearse | None) -> Plan:
        def made(budget: Budget) -> Plan:
            by = f", recipe {recipe}" if recipe is not None else ""
            words = (
                f"Planned by 'inklings plan' for {whole}{by}.",
                *seen.head,
                "Every line may be changed: what it was chosen from stands beside it.",
            )
            plan = asked(Plan(words, (given, *seen.rules(budget))))
            _require_cohort(plan, folder)
            _ = plan.experiment  # what no training would take is refused here
            return plan

        return made(budget) if rehearse is None else rehearsed(made, budget, cohort, rehearse)

    whole = budget.describe()
    if trial is None:
        return plan_of(seen, budget, rehearse)

    def of_drawn(drawn: CohortFingerprint, minutes: float, timed: bool) -> Plan:
        share = dataclasses.replace(budget, minutes=minutes)
        return plan_of(_drawn(drawn), share, rehearse if timed else None)

    what: dict[str, Any] = {"budget": whole.rpartition(",")[0], "split": cohort.split_hash}
    what |= {"recipe": recipe, "changes": list(changes), "cohort": str(folder.resolve())}
    return tried(trial, what, budget.minutes, cohort, seen.drawn, of_drawn)


def planned_for(text: str) -> tuple[str, str | None] | None:
    """Minutes and recipe of a plan, by the line that says them; None where it was taken out."""
    found = _PLANNED.search(text)
    return (found[1], found[2]) if found else None


def _require_cohort(plan: Plan, folder: Path) -> None:
    """Refuse a plan whose cohort is not the one that was looked at.

    Raises:
        SpecError: If recipe or changes name another.
    """
    named = plan.record["cohort"]
    if Path(str(named)).resolve() != folder.resolve():
        raise SpecError(f"cohort: expected {folder}, which is planned for, got {named}")


@dataclass(frozen=True)
class _Seen:
    """What was seen in words, what it leads to for a budget, and of drawn labels itself."""

    head: Sequence[str]
    rules: Callable[[Budget], Sequence[Choice]]
    drawn: CohortFingerprint | None = None


def _drawn(seen: CohortFingerprint) -> _Seen:
    return _Seen(head_of(seen), lambda budget: tuple(segmentation(seen, budget)), seen)


def _seen(cohort: Cohort, wanted: Mapping[str, Any]) -> _Seen:
    """What was seen, by the kind of cases.

    Args:
        cohort: With a split.
        wanted: What recipe and user say; of several classes of places, which is to be found.
    """
    train = cohort.part("train")
    if not train:
        raise DataError(
            f"{cohort.folder}: expected cases in the train part, got none of {len(cohort)}; split "
            "it again"
        )
    if all(map(is_bag, train)):
        bags = of_bags.fingerprint_bags(cohort)
        task = Choice("task", "bags", "cases are bags of instances")
        return _Seen(of_bags.head_of(bags), lambda budget: (task, *of_bags.bags(bags, budget)))
    if of_places.is_detection(cohort):
        section = wanted.get("detection")
        name = section.get("class_name") if isinstance(section, Mapping) else None
        places = of_places.fingerprint_detection(cohort, name)
        task = Choice("task", "detection", "objects of volumes are marked by their places")
        return _Seen(
            of_places.head_of(places),
            lambda budget: (task, *of_places.detection(places, budget)),
        )
    return _drawn(fingerprint(cohort))


def _split(folder: Path) -> Cohort:
    """The cohort with its split; one is made where there is none."""
    cohort = Cohort.read(folder)
    if cohort.is_split:
        return cohort
    options = SplitOptions()
    outcome = split_cohort(folder, options)
    train, val, test = options.fractions
    note(
        f"{folder} had no split, so it got one by patient: {train:.0%} of the cases for training, "
        f"{val:.0%} for validation, {test:.0%} for testing; seed {options.seed} (split.json)"
    )
    for line in thin_parts(outcome.cohort):
        note(line)
    return outcome.cohort


def head_of(seen: CohortFingerprint) -> Sequence[str]:
    """What was seen, in lines."""
    size = " x ".join(map(str, seen.shape))
    mm = " x ".join(f"{one:.3g}" for one in seen.spacing) + " mm" if seen.spacing else "no spacing"
    what = "volumes" if seen.volumes else "pictures"
    channels = f"{seen.channels} channel{'' if seen.channels == 1 else 's'}"
    inside, outside = _middle(seen.inside), _middle(seen.outside)
    return (
        f"{seen.name}: {seen.cases} {what} of {seen.patients} patients for training, "
        f"{seen.held_out} for validation; {len(seen.looks)} inspected",
        f"{seen.modality} ({seen.said}); {channels}, {size} samples, {mm}",
        f"intensities of objects {inside}, of background {outside}",
        *(
            f"{name}: {share:.2%} of the labelled pixels, {seen.diameter(k):.0f} pixels wide"
            if share
            else f"{name}: none was seen"
            for k, (name, share) in enumerate(zip(seen.classes, seen.shares, strict=True))
        ),
    )


def _middle(values: NDArray[np.float64]) -> str:
    if not len(values):
        return "unknown"
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    return f"{middle:.4g} ({low:.4g} to {high:.4g})"
