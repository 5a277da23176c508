from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.testing.datasets import miniature_dsb2018, write_png, zipped

BINARY = np.zeros((8, 9), np.uint8)
BINARY[2:5, 3:6] = 255


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["import", *map(str, arguments)])


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    miniature_dsb2018(tmp_path / "in")
    return zipped(tmp_path / "in", tmp_path / "stage1_train.zip")


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    for name in ("a", "b"):
        write_png(tmp_path / "images" / f"{name}.png", np.stack([BINARY] * 3, -1))
        write_png(tmp_path / "masks" / f"{name}.png", BINARY)
    return ["folder", "--images", f"{tmp_path}/images/*.png", "--masks", f"{tmp_path}/masks/*.png"]


def test_dsb2018_says_what_it_made_and_where(archive: Path, tmp_path: Path) -> None:
    result = call("dsb2018", archive, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "4 cases (4 labelled, 0 unlabelled, 12 nuclei, " in result.stdout
    assert "every check passed" in result.stdout
    assert f"cohort -> {tmp_path / 'out'}" in result.stdout
    assert len(Cohort.read(tmp_path / "out")) == 4


def test_the_same_command_twice_says_that_it_is_complete(archive: Path, tmp_path: Path) -> None:
    call("dsb2018", archive, "--out", tmp_path / "out")
    result = call("dsb2018", archive, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert result.stdout.startswith("already complete, nothing to do")


def test_cases_that_were_left_out_are_summed_up_with_exit_code_3(tmp_path: Path) -> None:
    truth = miniature_dsb2018(tmp_path / "in")
    name = sorted(truth)[1]
    (tmp_path / "in" / name / "images" / f"{name}.png").write_bytes(b"broken")
    for _ in range(2):
        result = call("dsb2018", tmp_path / "in", "--out", tmp_path / "out")
        assert result.exit_code == 3
        assert "3 cases (3 labelled" in result.stdout
        assert f"left out because broken: 1 case ({name})" in result.stdout
    report = json.loads((tmp_path / "out" / "import_findings.json").read_text())
    assert report["summary"][0]["kind"] == "unreadable image"
    assert report["summary"][0]["cases"] == 1
    assert report["findings"][0]["case"] == name


def test_a_wrong_path_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    result = call("dsb2018", tmp_path / "nothing", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "no such file or folder" in result.stderr
    assert not (tmp_path / "out").exists()


def test_values_are_never_guessed_silently(pictures: list[str], tmp_path: Path) -> None:
    result = call(*pictures, "--out", tmp_path / "out", "--class", "nucleus")
    assert result.exit_code == 2
    assert "255      2/2            18   12.50%" in result.stdout
    assert "--values '0=background,255=nucleus'" in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_obvious_reading_is_taken_when_it_is_confirmed(
    pictures: list[str], tmp_path: Path
) -> None:
    result = call(*pictures, "--out", tmp_path / "out", "--class", "nucleus", "--yes")
    assert result.exit_code == 0
    assert "taken: 0 = background, 255 = nucleus" in result.stdout
    assert Cohort.read(tmp_path / "out").classes == ("nucleus",)


def test_yes_confirms_nothing_where_there_is_no_obvious_reading(
    pictures: list[str], tmp_path: Path
) -> None:
    write_png(tmp_path / "masks" / "b.png", BINARY // 2)
    result = call(*pictures, "--out", tmp_path / "out", "--yes")
    assert result.exit_code == 2
    assert "--values '0=background,127=class1,255=class2'" in result.stderr


def test_values_that_are_given_are_checked_and_used(pictures: list[str], tmp_path: Path) -> None:
    wrong = call(*pictures, "--out", tmp_path / "out", "--values", "0=background,1=nucleus")
    assert wrong.exit_code == 2
    assert "no meaning to 255 (in 2 of 2 masks)" in wrong.stderr
    right = call(*pictures, "--out", tmp_path / "out", "--values", "0=background,255=nucleus")
    assert right.exit_code == 0
    assert "2 cases (2 labelled, 0 unlabelled" in right.stdout


def test_instances_and_values_exclude_each_other(pictures: list[str], tmp_path: Path) -> None:
    result = call(*pictures, "--out", tmp_path / "out", "--instances", "--values", "1=a")
    assert result.exit_code == 2
    assert "objects of one class" in result.stderr
