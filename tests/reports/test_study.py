from pathlib import Path

import pytest

from inklings.errors import DataError
from inklings.reports.study import study_report

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


def test_report_writes_page_and_figures(folder: Path) -> None:
    text = study_report(folder).read_text()
    assert "25 % kept" not in text
    assert "10 % kept" in text
    assert '<span class="best">0.820</span>' in text
    assert '<span class="gap">87 %</span>' in text
    assert (folder / "study.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (folder / "study.svg").read_text()


def test_a_table_without_oracle_is_drawn_without_gaps(folder: Path) -> None:
    lines = [line for line in ROWS.splitlines() if "oracle" not in line]
    (folder / "study.csv").write_text("\n".join(lines) + "\n")
    assert "of the gap recovered" not in study_report(folder).read_text()


def test_a_missing_table_or_column_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="inklings study"):
        study_report(tmp_path)
    (tmp_path / "study.csv").write_text("weakness,learner,dice_mean\nbox,naive,0.5\n")
    with pytest.raises(DataError, match="column 'seed'"):
        study_report(tmp_path)
