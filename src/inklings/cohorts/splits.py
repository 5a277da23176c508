"""Who is trained on, who chooses, who is tested: by patient and group, stratified, seeded.

A unit is all that must stay together: the cases of one patient, joined with the duplicates and
sister crops the data doctor found. Units are dealt largest first, each to the part that then
deviates least from the wanted fractions, over all cases and within every stratum; ties and the
order among units of one size come from a hash of the seed and the ids, so the outcome does not
depend on the order of the cases.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import SPLITS, Case, Split
from inklings.errors import DataError, SpecError
from inklings.labels.kinds import SurvivalLabel, ValueLabel

FACTS = ("modality", "stain", "site", "scanner")
"""Facts that are stratified by when nothing is asked for, the first that varies."""

_PASSES = 8


@dataclass(frozen=True)
class SplitOptions:
    """How to split.

    Attributes:
        fractions: Of train, val and test; they add up to 1. Ignored where ``folds`` is given.
        folds: Number of folds of equal size, at least 3.
        fold: Which of them is tested; the next one is val, the others are train.
        seed: Another seed deals the units differently.
        stratify: Name of a fact; None for the first of `FACTS` that varies.
    """

    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2)
    folds: int | None = None
    fold: int = 0
    seed: int = 0
    stratify: str | None = None

    def __post_init__(self) -> None:
        total = sum(self.fractions)
        if not all(0 <= f <= 1 for f in self.fractions) or not math.isclose(total, 1, abs_tol=1e-6):
            raise SpecError(
                "expected fractions of train, val and test that add up to 1, got "
                f"{' + '.join(f'{f:g}' for f in self.fractions)} = {total:g}"
            )
        if self.folds is not None and self.folds < 3:
            raise SpecError(
                "expected at least 3 folds (one is tested, one chooses thresholds), "
                f"got {self.folds}"
            )
        if self.folds is not None and not 0 <= self.fold < self.folds:
            raise SpecError(f"expected a fold from 0 to {self.folds - 1}, got {self.fold}")


def units(cases: Iterable[Case], groups: Iterable[Iterable[str]]) -> list[tuple[str, ...]]:
    """Ids that must share a split: patients joined with ``groups``, sorted, each id once."""
    cases = list(cases)
    parent = {case.id: case.id for case in cases}

    def root(case: str) -> str:
        while parent[case] != case:
            parent[case] = parent[parent[case]]
            case = parent[case]
        return case

    patients: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        patients[case.patient].append(case.id)
    for together in (*patients.values(), *groups):
        known = [name for name in together if name in parent]
        for name in known[1:]:
            parent[root(name)] = root(known[0])
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(parent):
        found[root(name)].append(name)
    return sorted(tuple(unit) for unit in found.values())


def strata(
    cases: Sequence[Case], present: Mapping[str, Sequence[str]], fact: str | None = None
) -> dict[str, str]:
    """Case id to its stratum: the value of a fact, and which classes its labels show.

    Of labels that are numbers: the quarter of a value, and whether a time ends with the event.

    Raises:
        SpecError: If no case has the fact asked for.
    """
    if fact is None:
        varies = (f for f in FACTS if len({case.facts.get(f, "") for case in cases}) > 1)
        fact = next(varies, None)
    elif not any(fact in case.facts for case in cases):
        known = sorted({name for case in cases for name in case.facts})
        raise SpecError(
            f"expected a fact of the cases to stratify by, got {fact!r}; "
            f"known: {', '.join(known) or 'none'}"
        )
    outcomes = outcome_strata(cases)
    return {
        case.id: " ".join(
            [
                *([f"{fact}={case.facts.get(fact, 'unknown')}"] if fact else []),
                "+".join([*present.get(case.id, ()), *outcomes.get(case.id, ())])
                or "nothing annotated",
            ]
        )
        for case in cases
    }


def outcome_strata(cases: Sequence[Case]) -> dict[str, tuple[str, ...]]:
    """Case id to the strata of its numbers: quarter of a value, event or censored of a time."""
    values: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        for label in case.labels:
            if isinstance(label, ValueLabel):
                values[label.name].append(label.value)
    edges = {name: np.quantile(of, [0.25, 0.5, 0.75]) for name, of in values.items()}
    found: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        for label in case.labels:
            if isinstance(label, ValueLabel):
                quarter = 1 + int(np.searchsorted(edges[label.name], label.value, side="left"))
                found[case.id].append(f"{label.name}: quarter {quarter}")
            elif isinstance(label, SurvivalLabel):
                found[case.id].append(f"{label.name}: {'event' if label.event else 'censored'}")
    return {case: tuple(names) for case, names in found.items()}


def assign(
    parts: Sequence[tuple[str, ...]], stratum: Mapping[str, str], options: SplitOptions
) -> dict[str, Split]:
    """Case id to split.

    Args:
        parts: Units, as `units` makes them.
        stratum: Case id to stratum, as `strata` makes them.
        options: How.

    Raises:
        DataError: If there are fewer units than parts to fill.
    """
    if options.folds is None:
        wanted = np.array(options.fractions, float)
    else:
        wanted = np.full(options.folds, 1 / options.folds)
    if len(parts) < np.count_nonzero(wanted):
        raise DataError(
            f"expected at least {np.count_nonzero(wanted)} independent groups of cases (patients, "
            f"duplicates, sister crops) to split, got {len(parts)} with "
            f"{sum(map(len, parts))} cases; add patients, or ask for fewer parts"
        )
    dealt = sorted(parts, key=lambda unit: (-len(unit), _shuffle(options.seed, unit)))
    names = sorted(set(stratum.values()))
    table = np.zeros((len(dealt), len(names) + 1))
    for row, unit in enumerate(dealt):
        table[row, 0] = len(unit)
        for case in unit:
            table[row, 1 + names.index(stratum[case])] += 1
    chosen = _deal(table, wanted)
    return {
        case: _name(int(part), options)
        for unit, part in zip(dealt, chosen, strict=True)
        for case in unit
    }


def _shuffle(seed: int, unit: Sequence[str]) -> str:
    return hashlib.sha256(f"{seed}\t{unit[0]}".encode()).hexdigest()


def _name(part: int, options: SplitOptions) -> Split:
    if options.folds is None:
        return SPLITS[part]
    if part == options.fold:
        return "test"
    return "val" if part == (options.fold + 1) % options.folds else "train"


def _deal(table: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.intp]:
    """Part of each unit.

    Args:
        table: ``(units, 1 + strata)``: cases of each unit, in all and by stratum.
        wanted: ``(parts,)`` fractions.
    """
    totals = table.sum(0)
    lacking = wanted[:, None] * totals
    weight = 1 / totals  # a small stratum would not be heard otherwise
    weight[0] *= 4  # the fractions of the whole matter more than those of one stratum
    open_parts = np.flatnonzero(wanted)
    chosen = np.full(len(table), -1, np.intp)

    def cheapest(row: NDArray[np.float64]) -> int:
        left = lacking[open_parts]
        cost = (((left - row) ** 2 - left**2) * weight).sum(1)
        return int(open_parts[np.argmin(np.round(cost, 9))])

    for _ in range(_PASSES):
        before = chosen.copy()
        for unit, row in enumerate(table):
            if chosen[unit] >= 0:
                lacking[chosen[unit]] += row
            chosen[unit] = cheapest(row)
            lacking[chosen[unit]] -= row
        if (chosen == before).all():
            break
    return _fill(chosen, open_parts)


def _fill(chosen: NDArray[np.intp], open_parts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Give every empty part the smallest unit of the part that has most."""
    for part in open_parts:
        if not (chosen == part).any():
            richest = Counter(chosen.tolist()).most_common(1)[0][0]
            chosen[np.flatnonzero(chosen == richest)[-1]] = part
    return chosen
