from pathlib import Path

from typer.testing import CliRunner

from inklings.cli import app
from inklings.testing.folders import write_cohort, write_predictions, write_run


def test_report_says_where_it_is(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort")
    run = write_run(tmp_path / "run", cohort, write_predictions(tmp_path / "p", cohort))
    done = CliRunner().invoke(app, ["report", str(run), "--out", str(tmp_path / "page.html")])
    assert done.exit_code == 0
    assert "page.html" in done.stdout
    assert (tmp_path / "page.html").stat().st_size > 20_000


def test_a_folder_with_a_study_gets_the_report_of_a_study(tmp_path: Path) -> None:
    (tmp_path / "study.csv").write_text(
        "weakness,learner,seed,budget,dice_mean,dice_pooled\nbox,naive,0,1,0.8,0.8\n"
    )
    done = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert done.exit_code == 0
    assert (tmp_path / "study.html").is_file()


def test_no_run_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert done.exit_code == 2
    assert "expected a run folder" in done.stderr
