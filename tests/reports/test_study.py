import csv
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


def test_the_figure_has_its_numbers_beside_it(study_folder: Path) -> None:
    study_report(study_folder)
    with (study_folder / "study-numbers" / "study.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9  # 8 kinds of runs on weak labels, and the oracle
    own = next(r for r in rows if (r["labels"], r["learner"]) == ("10 % kept", "inklings"))
    assert (own["dice"], own["least"], own["most"], own["seeds"]) == ("0.82", "0.8", "0.84", "2")
    assert float(own["gap_recovered"]) == pytest.approx((0.82 - 0.2) / (0.91 - 0.2), abs=1e-5)


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
