from pathlib import Path

import pytest

from inklings.reports.study_table import Study, words


def test_gap_is_the_share_between_naive_and_oracle(study_folder: Path) -> None:
    study = Study.read(study_folder / "study.csv")
    cell = study.cell("drop:keep=0.1", "inklings", "1")
    assert cell is not None
    assert cell.mean == pytest.approx(0.82)
    assert cell.spread == pytest.approx(0.0283, abs=1e-4)
    assert cell.gap == pytest.approx((0.82 - 0.20) / (0.91 - 0.20))


def test_gap_is_not_quoted_where_there_is_none(study_folder: Path) -> None:
    cell = Study.read(study_folder / "study.csv").cell("drop:keep=0.5", "inklings", "1")
    assert cell is not None
    assert cell.gap is None


def test_weaknesses_run_from_weak_to_strong_labels(study_folder: Path) -> None:
    study = Study.read(study_folder / "study.csv")
    assert list(study.weaknesses) == ["drop:keep=0.1", "drop:keep=0.5", "box"]


def test_learners_begin_with_naive_and_end_with_the_best(study_folder: Path) -> None:
    study = Study.read(study_folder / "study.csv")
    assert study.learners == ("naive", "vpu", "inklings")
    assert study.budgets == ("1", "3")


@pytest.mark.parametrize(
    ("weakness", "expected"),
    [
        ("drop:keep=0.25", "25 % kept"),
        ("drop:keep=0.5+dilate:pixels=4,slop=0.0", "50 % kept + dilated 4 px"),
        ("hull", "hulls"),
        ("full", "full masks"),
        ("something:odd=1", "something odd=1"),
    ],
)
def test_kinds_of_weakness_have_names_for_people(weakness: str, expected: str) -> None:
    assert words(weakness) == expected
