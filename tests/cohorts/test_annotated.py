from pathlib import Path

import pytest

from inklings.cohorts.annotated import annotated_text, with_annotated
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError

COHORT = Cohort("two", (Case("a", "a", {}), Case("b", "b", {})), ("liver", "spleen", "kidney"))


def told(cohort: Cohort) -> list[tuple[str, ...] | None]:
    return [case.annotates for case in cohort]


def test_classes_are_said_of_all_cases_and_naming_all_is_saying_nothing() -> None:
    some = with_annotated(COHORT, "spleen, liver")
    assert told(some) == [("liver", "spleen")] * 2
    assert some.cases[0].annotated(COHORT.classes) == (True, True, False)
    assert annotated_text(some) == (
        "annotated: 2 liver, 2 spleen, 0 kidney, of 2 cases; nobody looked for kidney"
    )
    assert told(with_annotated(some, "kidney,spleen,liver")) == [None, None]
    assert annotated_text(COHORT) == ""


def test_a_table_says_it_case_by_case(tmp_path: Path) -> None:
    path = tmp_path / "who.csv"
    path.write_text("case,class,annotated\na,liver,no\na,kidney,0\na,spleen,yes\n")
    assert told(with_annotated(COHORT, str(path))) == [("spleen",), None]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("c,liver,no", "row 2, column 'case': expected a case of the cohort, got 'c'"),
        ("a,lung,no", "row 2, column 'class': expected one of liver, spleen, kidney, got 'lung'"),
        ("a,liver,perhaps", "row 2, column 'annotated': expected yes or no, got 'perhaps'"),
        ("a,liver,no\na,spleen,no\na,liver,yes", "row 4, .* one answer for liver of a, got both"),
        ("a,liver,", "row 2, column 'annotated': expected something"),
    ],
)
def test_rows_that_mean_nothing_are_refused(row: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "who.csv"
    path.write_text(f"case,class,annotated\n{row}\n")
    with pytest.raises(DataError, match=reason):
        with_annotated(COHORT, str(path))


@pytest.mark.parametrize(("said", "got"), [("lung", "got lung"), (" , ", "got none")])
def test_classes_that_are_not_there_are_refused(said: str, got: str) -> None:
    with pytest.raises(SpecError, match=f"classes of the cohort .liver, spleen, kidney., {got}"):
        with_annotated(COHORT, said)


def test_what_is_annotated_is_read_back_and_cohorts_of_before_annotate_all(tmp_path: Path) -> None:
    with_annotated(COHORT, "liver").write(tmp_path)
    assert told(Cohort.read(tmp_path)) == [("liver",)] * 2
    COHORT.write(tmp_path)
    assert told(Cohort.read(tmp_path)) == [None, None]
