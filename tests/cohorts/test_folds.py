"""Repeated cross-validation."""

from collections import Counter
from pathlib import Path

import pytest

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.folds import folds
from inklings.errors import SpecError

COHORT = Cohort(
    "c",
    tuple(Case(f"c{i:02d}", f"p{i // 2:02d}", {"x": Path("x")}) for i in range(60)),
    ("a",),
)
STRATUM = {f"c{i:02d}": "1" if i < 20 else "0" for i in range(60)}


def test_every_case_is_tested_once_a_repeat_and_no_patient_is_parted() -> None:
    every = list(folds(COHORT, STRATUM, 5, 3, seed=0, val=0.2))
    assert len(every) == 15
    for repeat in range(3):
        tested = [c.id for f in every if f.repeat == repeat for c in f.cohort.part("test")]
        assert sorted(tested) == sorted(STRATUM)
    for fold in every:
        parts = {(c.patient, c.split) for c in fold.cohort}
        assert len(parts) == 30
        assert fold.cohort.part("val")


def test_classes_are_in_proportion_and_repeats_differ() -> None:
    every = list(folds(COHORT, STRATUM, 5, 2, seed=0))
    for fold in every:
        assert Counter(STRATUM[c.id] for c in fold.cohort.part("test")) == {"1": 4, "0": 8}
    tests = [[c.id for c in f.cohort.part("test")] for f in every]
    assert tests[0] != tests[5]
    assert tests == [
        [c.id for c in f.cohort.part("test")] for f in folds(COHORT, STRATUM, 5, 2, seed=0)
    ]


def test_more_folds_than_patients_are_refused() -> None:
    with pytest.raises(SpecError, match="2 to 30 folds"):
        list(folds(COHORT, STRATUM, 31, 1, seed=0))
