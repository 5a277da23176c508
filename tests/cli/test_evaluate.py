import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.testing.folders import write_cohort, write_predictions


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    cohort = write_cohort(tmp_path / "cohort")
    return str(write_predictions(tmp_path / "predictions", cohort)), str(cohort)


def test_json_on_standard_output_is_rows_with_intervals(folders: tuple[str, str]) -> None:
    done = CliRunner().invoke(app, ["evaluate", folders[0], "--cohort", folders[1], "--json"])
    assert done.exit_code == 0
    rows = {row["metric"]: row for row in json.loads(done.stdout)}
    assert {"metric", "value", "low", "high", "n", "unit", "split"} <= set(rows["dice"])
    assert rows["dice"]["low"] <= rows["dice"]["value"] <= rows["dice"]["high"]
    assert (rows["dice"]["n"], rows["hd95"]["unit"]) == (3, "px")


def test_table_for_people_and_files_beside_the_predictions(folders: tuple[str, str]) -> None:
    done = CliRunner().invoke(app, ["evaluate", folders[0], "--cohort", folders[1]])
    assert done.stdout.startswith("discs, test: 3 cases of 3 patients")
    assert "wrote metrics.csv, cases.csv, evaluation.json" in done.stderr
    names = {path.name for path in Path(folders[0]).iterdir()}
    assert {"metrics.csv", "cases.csv", "evaluation.json"} <= names


def test_comparison_prints_change_and_p(folders: tuple[str, str], tmp_path: Path) -> None:
    other = write_predictions(tmp_path / "other", Path(folders[1]), shift=3)
    command = ["evaluate", folders[0], "--cohort", folders[1], "--compare", str(other)]
    done = CliRunner().invoke(app, command)
    assert "difference to the other run" in done.stdout
    assert (Path(folders[0]) / "compare.csv").is_file()


def test_seen_patients_end_with_one_line_and_exit_code_2(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort")
    predictions = write_predictions(tmp_path / "predictions", cohort, split="all")
    command = ["evaluate", str(predictions), "--cohort", str(cohort), "--split", "all"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert CliRunner().invoke(app, [*command, "--allow-seen"]).exit_code == 0
