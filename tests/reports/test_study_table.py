from pathlib import Path

import pytest

from inklings.reports.study_table import Study, words

ROWS = """weakness,learner,seed,budget,dice_mean,dice_pooled,label_dice
full,oracle,0,1,0.90,0.92,1
full,oracle,1,1,0.92,0.92,1
drop:keep=0.1,naive,0,1,0.20,0.3,0.18
drop:keep=0.1,inklings,0,1,0.80,0.8,0.18
drop:keep=0.1,inklings,1,1,0.84,0.8,0.18
drop:keep=0.1,vpu,0,1,0.50,0.5,0.18
drop:keep=0.1,vpu,0,3,0.60,0.6,0.18
box,naive,0,1,0.81,0.8,0.85
box,inklings,0,1,0.90,0.9,0.85
drop:keep=0.5,naive,0,1,0.90,0.9,0.66
drop:keep=0.5,inklings,0,1,0.91,0.9,0.66
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "study.csv").write_text(ROWS)
    return tmp_path


def test_gap_is_the_share_between_naive_and_oracle(folder: Path) -> None:
    study = Study.read(folder / "study.csv")
    cell = study.cell("drop:keep=0.1", "inklings", "1")
    assert cell is not None
    assert cell.mean == pytest.approx(0.82)
    assert cell.spread == pytest.approx(0.0283, abs=1e-4)
    assert cell.gap == pytest.approx((0.82 - 0.20) / (0.91 - 0.20))


def test_gap_is_not_quoted_where_there_is_none(folder: Path) -> None:
    cell = Study.read(folder / "study.csv").cell("drop:keep=0.5", "inklings", "1")
    assert cell is not None
    assert cell.gap is None


def test_weaknesses_run_from_weak_to_strong_labels(folder: Path) -> None:
    study = Study.read(folder / "study.csv")
    assert list(study.weaknesses) == ["drop:keep=0.1", "drop:keep=0.5", "box"]


def test_learners_begin_with_naive_and_end_with_the_best(folder: Path) -> None:
    study = Study.read(folder / "study.csv")
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
