import pytest

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.selection import select_cases
from inklings.errors import DataError, SpecError

COHORT = Cohort(
    "three",
    (
        Case("a", "a", {}, (), "train", {"modality": "stained", "site": "1"}),
        Case("b", "b", {}, (), "test", {"modality": "stained", "site": "2"}),
        Case("c", "c", {}, (), "test", {"modality": "fluorescence", "site": "2"}),
    ),
    ("nucleus",),
)


def test_all_conditions_must_hold_and_the_split_stays() -> None:
    chosen = select_cases(COHORT, ["modality=stained", "site=2"])
    assert [(case.id, case.split) for case in chosen] == [("b", "test")]


def test_what_nobody_has_is_named_beside_what_there_is() -> None:
    with pytest.raises(DataError, match="got 'x-ray': fluorescence, stained"):
        select_cases(COHORT, ["modality=x-ray"])
    with pytest.raises(DataError, match="facts there are: modality, site"):
        select_cases(COHORT, ["stain=red"])
    with pytest.raises(DataError, match="got none"):
        select_cases(COHORT, ["modality=fluorescence", "site=1"])
    with pytest.raises(SpecError, match="fact=value"):
        select_cases(COHORT, ["stained"])
