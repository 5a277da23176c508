"""Repeated cross-validation: folds that keep patients together and classes in proportion."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError


@dataclass(frozen=True)
class Fold:
    """One division of a cohort.

    Attributes:
        repeat: Which shuffle, from 0.
        number: Which fold is tested, from 0.
        cohort: Every case in train or test (or val).
    """

    repeat: int
    number: int
    cohort: Cohort


def folds(
    cohort: Cohort, stratum: Mapping[str, str], count: int, repeats: int, seed: int, val: float = 0
) -> Iterator[Fold]:
    """``count`` folds, dealt anew ``repeats`` times; every case is tested once a repeat.

    Patients are dealt stratum by stratum, from the largest down, each to the fold that has least
    of the stratum; so folds differ by at most one patient where patients have one case each.

    Args:
        cohort: Its splits are not looked at.
        stratum: Of each case, by id.
        count: Folds of a repeat.
        repeats: How often.
        seed: Of the shuffles.
        val: Share of the other patients that is held out to choose a threshold.

    Raises:
        SpecError: If there are fewer patients than folds.
    """
    patients = sorted({case.patient for case in cohort})
    if not 2 <= count <= len(patients):
        raise SpecError(f"expected 2 to {len(patients)} folds (patients), got {count}")
    held = _by_patient(cohort.cases, stratum)
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        home = _deal(patients, held, count, rng)
        for number in range(count):
            rest = [p for p in patients if home[p] != number]
            apart: set[str] = set()
            if val:
                places = max(2, round(1 / val))
                inner = _deal(rest, held, places, np.random.default_rng([seed, repeat, number]))
                apart = {p for p in rest if inner[p] == 0}
            yield Fold(repeat, number, _divided(cohort, home, number, apart))


def _by_patient(cases: Sequence[Case], stratum: Mapping[str, str]) -> dict[str, NDArray[np.int64]]:
    """Cases of each stratum, by patient."""
    names = sorted(set(stratum.values()))
    held = {case.patient: np.zeros(len(names), np.int64) for case in cases}
    for case in cases:
        held[case.patient][names.index(stratum[case.id])] += 1
    return held


def _deal(
    patients: Sequence[str],
    held: Mapping[str, NDArray[np.int64]],
    count: int,
    rng: np.random.Generator,
) -> dict[str, int]:
    """Fold of each patient: the one that lacks most of what the patient brings."""
    order = sorted(
        rng.permutation(len(patients)).tolist(), key=lambda i: -int(held[patients[i]].sum())
    )
    # Strata one after the other, so that each is spread evenly before the next begins.
    order.sort(key=lambda i: int(held[patients[i]].argmax()))
    filled = np.zeros((count, len(next(iter(held.values())))), np.int64)
    home = {}
    shuffled = rng.permutation(count)
    for i in order:
        brings = held[patients[i]]
        cost = (filled * brings).sum(1) + filled.sum(1) * 1e-3
        fold = int(shuffled[np.argmin(cost[shuffled])])
        filled[fold] += brings
        home[patients[i]] = fold
    return home


def _divided(cohort: Cohort, home: Mapping[str, int], number: int, apart: set[str]) -> Cohort:
    def split(case: Case) -> Split:
        if home[case.patient] == number:
            return "test"
        return "val" if case.patient in apart else "train"

    cases = tuple(dataclasses.replace(case, split=split(case)) for case in cohort)
    return dataclasses.replace(cohort, cases=cases)
