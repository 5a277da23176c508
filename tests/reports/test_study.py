from pathlib import Path

import pytest

from inklings.errors import DataError
from inklings.reports.study import study_report


def test_report_writes_page_and_figures(study_folder: Path) -> None:
    text = study_report(study_folder).read_text()
    assert "25 % kept" not in text
    assert "10 % kept" in text
    assert '<span class="best">0.820</span>' in text
    assert '<span class="gap">87 %</span>' in text
    assert (study_folder / "study.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (study_folder / "study.svg").read_text()


def test_a_table_without_oracle_is_drawn_without_gaps(study_folder: Path) -> None:
    rows = (study_folder / "study.csv").read_text()
    lines = [line for line in rows.splitlines() if "oracle" not in line]
    (study_folder / "study.csv").write_text("\n".join(lines) + "\n")
    assert "of the gap recovered" not in study_report(study_folder).read_text()


def test_a_missing_table_or_column_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="inklings study"):
        study_report(tmp_path)
    (tmp_path / "study.csv").write_text("weakness,learner,dice_mean\nbox,naive,0.5\n")
    with pytest.raises(DataError, match="column 'seed'"):
        study_report(tmp_path)
