"""A published split is taken as it is, or a line says why not; it is the same for every cohort."""

from __future__ import annotations

from pathlib import Path

import pytest

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.given_parts import given_parts
from inklings.cohorts.split_files import split_cohort
from inklings.cohorts.splits import SplitOptions
from inklings.errors import DataError, InklingsError, SpecError

CASES = {"a1": "a", "a2": "a", "b1": "b", "c1": "c", "d1": "d"}


def cohort(folder: Path) -> Cohort:
    cases = tuple(Case(name, patient, {}, ()) for name, patient in CASES.items())
    made = Cohort("toy", cases, ("n",), {})
    made.write(folder)
    return made


def table(folder: Path, *lines: str) -> Path:
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    return folder / "t.csv"


def test_the_parts_of_a_table_are_those_of_the_cohort(tmp_path: Path) -> None:
    cohort(tmp_path / "c")
    rows = ("patient,part", "a,training", "b,validation", "c,test", "d,train", "z,test")
    outcome = split_cohort(tmp_path / "c", SplitOptions(), table=(table(tmp_path, *rows), None))
    parts = {case.id: case.split for case in Cohort.read(tmp_path / "c")}
    assert parts == {"a1": "train", "a2": "train", "b1": "val", "c1": "test", "d1": "train"}
    assert outcome.record["table"].endswith("t.csv")
    with pytest.raises(SpecError, match="--replace"):  # it is not dealt again in passing
        split_cohort(tmp_path / "c", SplitOptions())


@pytest.mark.parametrize(
    ("fold", "test", "val"), [(1, "a", "b"), (2, "b", "c"), (4, "d", "a")], ids=str
)
def test_one_fold_is_test_and_the_next_is_val(
    fold: int, test: str, val: str, tmp_path: Path
) -> None:
    made = cohort(tmp_path / "c")
    rows = table(tmp_path, "patient,fold", "a,1", "b,2", "c,3", "d,4")
    found = given_parts(made, rows, fold)
    for case in made:
        others = {test: "test", val: "val"}
        assert found[case.id] == others.get(case.patient, "train")


REFUSED = {
    "none of a case": (("case,part", "a1,train"), None, r"got none for 4 of 5, such as 'a2'"),
    "two of a case": (("case,part", "a1,train", "a1,test"), None, r"row 3.*in train and in test"),
    "another word": (("patient,part", "a,sometimes"), None, r"expected train, val or test"),
    "no word": (("patient,part", "a,"), None, r"row 2, column 'part'.*got nothing"),
    "no column": (("slide,part", "a,train"), None, r"expected columns case, part"),
    "folds alone": (("case,fold", "a1,1"), None, r"expected --fold with a table of folds"),
    "parts with a fold": (("case,part", "a1,train"), 1, r"only with one"),
    "no such fold": (("patient,fold", "a,1", "b,2", "c,3"), 7, r"expected fold 7 among"),
    "a word for a fold": (("patient,fold", "a,x", "b,2", "c,3"), 2, r"a whole number, got 'x'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_table_that_does_not_fit_is_refused_in_one_line(what: str, tmp_path: Path) -> None:
    rows, fold, words = REFUSED[what]
    with pytest.raises(InklingsError, match=words) as told:
        given_parts(cohort(tmp_path / "c"), table(tmp_path, *rows), fold)
    assert "\n" not in str(told.value)


def test_a_patient_in_two_parts_is_refused(tmp_path: Path) -> None:
    cohort(tmp_path / "c")
    rows = ("case,part", "a1,train", "a2,test", "b1,val", "c1,test", "d1,train")
    with pytest.raises(DataError, match="a1 into train and a2 into test"):
        split_cohort(tmp_path / "c", SplitOptions(), table=(table(tmp_path, *rows), None))
