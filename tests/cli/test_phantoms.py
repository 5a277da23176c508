"""``inklings phantoms``: drawn data are imported by the line that the command says."""

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort


def invoke(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("kind", ["dsb2018", pytest.param("panda", marks=pytest.mark.slow)])
def test_the_next_command_imports_them(kind: str, tmp_path: Path) -> None:
    said = invoke("phantoms", kind, "--out", tmp_path / "drawn", "--count", 2)
    words = shlex.split(said.splitlines()[-1].removeprefix("next: inklings "))
    invoke(*words[:-1], tmp_path / "cohort")
    assert len(Cohort.read(tmp_path / "cohort")) == 2


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    done = CliRunner().invoke(app, ["phantoms", "dsb2018", "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "expected a new folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
